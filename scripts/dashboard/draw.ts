/**
 * Draws the dashboard as an SVG: its panels at their places, with the answers of a Prometheus to their queries. It is no
 * Grafana, but shows what each panel asks for, in a text that a diff can show, light and dark. Pure.
 */

export interface Panel {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig?: {
    defaults: {
      unit?: string;
      decimals?: number;
      custom?: { stacking?: { mode: string }; thresholdsStyle?: { mode: string } };
      thresholds?: { steps: { color: string; value: number | null }[] };
      mappings?: { options: Record<string, { text: string }> }[];
    };
  };
  targets?: { expr: string; legendFormat: string }[];
}

/** What a query came to: a series has a name, and values by time in seconds. */
export interface Series {
  name: string;
  points: readonly (readonly [seconds: number, value: number])[];
}

export interface Answers {
  fromSeconds: number;
  toSeconds: number;
  /** By a panel's id. */
  series: ReadonlyMap<number, readonly Series[]>;
}

/** Pixels of a column of the grid of 24, and of a row. */
const COLUMN = 50;
const ROW = 26;
const GAP = 4;
/** Around a chart: its title, its scale, its legend. */
const AROUND = { top: 30, left: 60, right: 12, bottom: 42 };
const MAX_LEGEND = 4;
const COLOURS = ['#5794f2', '#73bf69', '#f2cc0c', '#ff9830', '#b877d9', '#37c8c8', '#f2495c', '#8ab8ff'];
const LINE_COLOUR = '#e02f44';

const STYLE = `
svg{font:12px system-ui,sans-serif}
.page{fill:#f4f5f5}.panel{fill:#fff;stroke:#d8dbde}text{fill:#24292e}.dim{fill:#6b7178}.grid{stroke:#e4e7e9}
@media(prefers-color-scheme:dark){.page{fill:#111217}.panel{fill:#181b1f;stroke:#2a2d33}text{fill:#d5d7db}.dim{fill:#9297a0}
.grid{stroke:#2a2d33}}
.line{fill:none;stroke-width:1.5}.title{font-weight:600}.row{font-size:14px;font-weight:600}.value{font-size:26px}
`;

/** Returns the picture. @param title for who does not see it */
export function drawDashboard(panels: readonly Panel[], answers: Answers, title: string): string {
  const height = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h)) * ROW + GAP;
  const drawn = panels.map((panel) => drawPanel(panel, answers));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${24 * COLUMN} ${height}" role="img">
<title>${escapeXml(title)}</title>
<style>${STYLE}</style>
<rect class="page" width="100%" height="100%"/>
${drawn.join('\n')}
</svg>
`;
}

function drawPanel(panel: Panel, answers: Answers): string {
  const { x, y, w, h } = panel.gridPos;
  const at = `transform="translate(${x * COLUMN + GAP} ${y * ROW + GAP})"`;
  const [width, height] = [w * COLUMN - 2 * GAP, h * ROW - 2 * GAP];
  if (panel.type === 'row') return `<g ${at}><text class="row" x="4" y="15">▾ ${escapeXml(panel.title)}</text></g>`;
  const series = (answers.series.get(panel.id) ?? []).filter(({ points }) => points.length > 0);
  const frame = `<rect class="panel" rx="3" width="${width}" height="${height}"/>`;
  const heading = `<text class="title" x="10" y="19">${escapeXml(cut(panel.title, width / 7))}</text>`;
  const content =
    series.length === 0
      ? `<text class="dim" x="${width / 2}" y="${height / 2}" text-anchor="middle">no data</text>`
      : panel.type === 'stat'
        ? drawValues(panel, series, width, height)
        : drawChart(panel, series, answers, width, height);
  return `<g ${at}>${frame}${heading}${content}</g>`;
}

/** The last values, one below the other. */
function drawValues(panel: Panel, series: readonly Series[], width: number, height: number): string {
  const shown = series.slice(0, 3);
  return shown
    .map(({ name, points }, index) => {
      const y = AROUND.top + ((index + 0.5) * (height - AROUND.top)) / shown.length;
      const value = formatValue(points.at(-1)?.[1] ?? Number.NaN, panel);
      const label = shown.length > 1 || name !== panel.title ? escapeXml(cut(name, width / 8)) : '';
      return (
        `<text class="value" x="${width / 2}" y="${round(y)}" text-anchor="middle">${escapeXml(value)}</text>` +
        `<text class="dim" x="${width / 2}" y="${round(y + 16)}" text-anchor="middle">${label}</text>`
      );
    })
    .join('');
}

function drawChart(
  panel: Panel,
  series: readonly Series[],
  { fromSeconds, toSeconds }: Answers,
  width: number,
  height: number,
): string {
  const isStacked = panel.fieldConfig?.defaults.custom?.stacking?.mode === 'normal';
  const stacked = isStacked ? stack(series) : series;
  const limit = lineOf(panel);
  const values = stacked.flatMap(({ points }) => points.map(([, value]) => value));
  const highest = niceCeiling(Math.max(limit ?? 0, ...values));
  const [plotWidth, plotHeight] = [width - AROUND.left - AROUND.right, height - AROUND.top - AROUND.bottom];
  const px = (seconds: number): number =>
    round(AROUND.left + ((seconds - fromSeconds) / (toSeconds - fromSeconds)) * plotWidth);
  const py = (value: number): number => round(AROUND.top + plotHeight * (1 - value / highest));
  const scale = [0, 0.5, 1].map((part) => {
    const y = py(part * highest);
    return (
      `<line class="grid" x1="${AROUND.left}" x2="${width - AROUND.right}" y1="${y}" y2="${y}"/>` +
      `<text class="dim" x="${AROUND.left - 6}" y="${y + 4}" text-anchor="end">${escapeXml(formatValue(part * highest, panel))}</text>`
    );
  });
  const lines = stacked.map(({ points }, index) => {
    const path = points.map(([seconds, value]) => `${px(seconds)},${py(value)}`).join(' ');
    return `<polyline class="line" stroke="${colourOf(series, index)}" points="${path}"/>`;
  });
  const limitLine =
    limit === undefined
      ? ''
      : `<line x1="${AROUND.left}" x2="${width - AROUND.right}" y1="${py(limit)}" y2="${py(limit)}" stroke="${LINE_COLOUR}" stroke-dasharray="5 3"/>`;
  return `${scale.join('')}${lines.join('')}${limitLine}${drawLegend(series, width, height)}`;
}

function drawLegend(series: readonly Series[], width: number, height: number): string {
  const shown = series.slice(0, MAX_LEGEND);
  const perRow = Math.min(shown.length, width < 350 ? 2 : 3);
  const cell = (width - AROUND.left) / perRow;
  return shown
    .map(({ name }, index) => {
      const x = 12 + (index % perRow) * cell;
      const y = height - AROUND.bottom + 22 + Math.floor(index / perRow) * 14;
      const text = escapeXml(cut(name, cell / 7 - 2));
      return `<rect x="${round(x)}" y="${y - 8}" width="10" height="3" fill="${colourOf(series, index)}"/><text class="dim" x="${round(x + 14)}" y="${y - 3}">${text}</text>`;
    })
    .join('');
}

/** The threshold that a panel shows as a line. */
function lineOf({ fieldConfig }: Panel): number | undefined {
  const { custom, thresholds } = fieldConfig?.defaults ?? {};
  if (custom?.thresholdsStyle?.mode !== 'line') return undefined;
  return thresholds?.steps.at(-1)?.value ?? undefined;
}

/** What Genesys or a contract allows is red, as the dashboard has it. */
function colourOf(series: readonly Series[], index: number): string {
  if (/^(allowance|in the contract)$/.test(series[index]?.name ?? '')) return LINE_COLOUR;
  return COLOURS[index % COLOURS.length] ?? '';
}

/** Puts series on top of each other. */
function stack(series: readonly Series[]): Series[] {
  const below = new Map<number, number>();
  return series.map(({ name, points }) => ({
    name,
    points: points.map(([seconds, value]) => {
      const top = (below.get(seconds) ?? 0) + value;
      below.set(seconds, top);
      return [seconds, top] as const;
    }),
  }));
}

/** Rounds up to a number that reads well. */
function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 3, 4, 5, 8, 10].find((step) => step * size >= value) ?? 10) * size;
}

const SECONDS_UNITS = [
  [86_400, 'd'],
  [3600, 'h'],
  [60, 'min'],
] as const;

/** Writes a value in the panel's unit. */
export function formatValue(value: number, { fieldConfig }: Pick<Panel, 'fieldConfig'>): string {
  const { unit = 'short', mappings = [], decimals } = fieldConfig?.defaults ?? {};
  const mapped = mappings.map(({ options }) => options[String(value)]?.text).find((text) => text !== undefined);
  if (mapped !== undefined) return mapped;
  if (!Number.isFinite(value)) return '-';
  switch (unit) {
    case 's': {
      const larger = SECONDS_UNITS.find(([size]) => value >= 2 * size);
      if (larger !== undefined) return `${digits(value / larger[0])} ${larger[1]}`;
      return value < 1 ? `${digits(value * 1000)} ms` : `${digits(value)} s`;
    }
    case 'ms':
      return `${digits(value)} ms`;
    case 'reqps':
    case 'ops':
      return `${digits(value)}/s`;
    case 'percentunit':
      return `${digits(value * 100)} %`;
    case 'bytes':
    case 'Bps':
      return `${value < 1e6 ? `${digits(value / 1e3)} kB` : `${digits(value / 1e6)} MB`}${unit === 'Bps' ? '/s' : ''}`;
    case 'dateTimeAsIso':
    case 'dateTimeFromNow':
      return new Date(value).toISOString().slice(0, 16).replace('T', ' ');
    default:
      return decimals === undefined || decimals === 0 ? thousands(value) : value.toFixed(decimals);
  }
}

function thousands(value: number): string {
  if (value >= 1e6) return `${digits(value / 1e6)} M`;
  return value >= 1e4 ? `${digits(value / 1e3)} k` : digits(value);
}

function digits(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, Math.max(1, Math.floor(length) - 1))}…` : text;
}

function escapeXml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
