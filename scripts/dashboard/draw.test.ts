import { expect, it } from 'vitest';
import { drawDashboard, formatValue, type Panel } from './draw.js';

const at = { x: 0, y: 0, w: 6, h: 8 };
const chart = (custom: object, thresholds?: object): Panel => ({
  id: 1,
  type: 'timeseries',
  title: 'Requests <of all>',
  gridPos: at,
  fieldConfig: { defaults: { unit: 'reqps', custom, ...thresholds } },
});
const twoSeries = new Map([
  [
    1,
    [
      {
        name: 'one',
        points: [
          [0, 1],
          [10, 3],
        ] as const,
      },
      {
        name: '<b>',
        points: [
          [0, 1],
          [10, 1],
        ] as const,
      },
    ],
  ],
]);
const draw = (panel: Panel): string =>
  drawDashboard([panel], { fromSeconds: 0, toSeconds: 10, series: twoSeries }, 'Title');
/** The heights of the points of each line, from the top. */
const heights = (svg: string): number[][] =>
  [...svg.matchAll(/points="([^"]*)"/g)].map(([, points = '']) =>
    points.split(' ').map((point) => Number(point.split(',')[1])),
  );

it('draws a line for each series, stacked if the panel is, and text as text', () => {
  const [one, other] = heights(draw(chart({})));
  expect(one?.[0]).toBe(other?.[0]);
  const [below, above] = heights(draw(chart({ stacking: { mode: 'normal' } })));
  expect(above?.[1]).toBeLessThan(below?.[1] ?? 0);
  const svg = draw(chart({}));
  expect(svg).toContain('Requests &#60;of all&#62;');
  expect(svg).not.toContain('<b>');
});

it('draws the line at an allowance, and makes room for it', () => {
  const withLine = chart(
    { thresholdsStyle: { mode: 'line' } },
    { thresholds: { steps: [{ color: 'red', value: 300 }] } },
  );
  expect(draw(withLine)).toContain('stroke-dasharray');
  expect(draw(withLine)).toContain('>300/s<');
  expect(draw(chart({}))).not.toContain('stroke-dasharray');
});

it('says so where there is no data', () => {
  const svg = drawDashboard([chart({})], { fromSeconds: 0, toSeconds: 1, series: new Map() }, 'Title');
  expect(svg).toContain('no data');
});

it.each([
  ['s', 0.0042, '4.2 ms'],
  ['s', 7200, '2 h'],
  ['bytes', 97_000_000, '97 MB'],
  ['percentunit', 0.5, '50 %'],
  ['short', 5_000_000, '5 M'],
  ['dateTimeAsIso', 0, '1970-01-01 00:00'],
])('writes a value in %s', (unit, value, text) => {
  expect(formatValue(value, { fieldConfig: { defaults: { unit } } })).toBe(text);
});
