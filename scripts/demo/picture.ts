/**
 * A recording as a picture: an SVG whose screens follow each other, with text that can be read and searched. It needs no
 * script, so a README can show it. Whoever asks for less motion sees the first screen. Pure.
 */
import type { Output, Size } from './recording.js';
import { CLEAR } from './session.js';

const CHARACTER = { width: 7.2, height: 16 };
const PADDING = 14;

/** The codes that the demo prints, and the classes of the picture. */
const STYLES: Readonly<Record<string, string>> = { '1': 'b', '36': 'c', '32': 's' };

interface Run {
  text: string;
  style: string | undefined;
}

/** A screen: how long it is shown, and its rows. */
interface Screen {
  ms: number;
  rows: Run[][];
}

/** Returns the picture. @param title what it shows, for who does not see it */
export function toPicture(outputs: readonly Output[], { width, height }: Size, title: string): string {
  const screens = screensOf(outputs, width);
  const total = screens.reduce((sum, { ms }) => sum + ms, 0);
  const size = {
    width: Math.ceil(width * CHARACTER.width) + 2 * PADDING,
    height: height * CHARACTER.height + 2 * PADDING,
  };
  const groups = screens.map(({ rows }, index) => {
    const lines = rows.map((row, at) => lineOf(row, at)).filter((line) => line !== '');
    return `<g class="f f${index}">\n${lines.join('\n')}\n</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" role="img">
<title>${escaped(title)}</title>
<style>
svg{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
text{fill:#d7dee6;white-space:pre}
.b{fill:#fff;font-weight:bold}.c{fill:#6cc6df}.s{fill:#71cc92}
.f{visibility:hidden}.f0{visibility:visible}
${timing(screens, total)}
</style>
<rect width="100%" height="100%" rx="8" fill="#14181d"/>
${groups.join('\n')}
</svg>
`;
}

/** Each screen is seen for its time, in turn and without end. */
function timing(screens: readonly Screen[], totalMs: number): string {
  let beganMs = 0;
  const percent = (ms: number): string => ((ms / totalMs) * 100).toFixed(2);
  const rules = screens.flatMap(({ ms }, index) => {
    const [from, to] = [beganMs, beganMs + ms];
    beganMs = to;
    const before = from === 0 ? '' : `0%,${percent(from - 1)}%{visibility:hidden}`;
    const after = to >= totalMs ? '' : `${percent(to)}%,100%{visibility:hidden}`;
    const seen = `${percent(from)}%,${percent(to - 1)}%{visibility:visible}`;
    return [
      `@keyframes k${index}{${before}${seen}${after}}`,
      `.f${index}{animation:k${index} ${(totalMs / 1000).toFixed(1)}s step-end infinite}`,
    ];
  });
  return `@media (prefers-reduced-motion: no-preference){\n${rules.join('\n')}\n}`;
}

/** Returns what each screen shows at its end. */
function screensOf(outputs: readonly Output[], width: number): Screen[] {
  const screens: { ms: number; text: string }[] = [];
  for (const { waitMs, text } of outputs) {
    if (text.startsWith(CLEAR)) screens.push({ ms: 0, text: '' });
    const screen = screens.at(-1);
    if (screen === undefined) continue;
    screen.ms += waitMs;
    screen.text += text.replace(CLEAR, '');
  }
  return screens.map(({ ms, text }) => ({ ms, rows: rowsOf(text, width) }));
}

/** Splits text into rows, as a terminal of this width does, and each row by style. */
function rowsOf(text: string, width: number): Run[][] {
  const rows: Run[][] = [[]];
  let style: string | undefined;
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape codes of terminals
  for (const [piece, code] of text.matchAll(/\u001b\[(\d+)m|\r\n|[^\r\n\u001b]/gu)) {
    if (code !== undefined) style = STYLES[code];
    else if (piece === '\r\n') {
      rows.push([]);
      column = 0;
    } else {
      if (column === width) {
        rows.push([]);
        column = 0;
      }
      column += 1;
      const row = rows.at(-1) ?? [];
      const last = row.at(-1);
      if (last?.style === style && last !== undefined) last.text += piece;
      else row.push({ text: piece, style });
    }
  }
  return rows;
}

function lineOf(row: readonly Run[], at: number): string {
  if (row.length === 0) return '';
  const y = PADDING + (at + 1) * CHARACTER.height - 4;
  const runs = row.map(({ text, style }) =>
    style === undefined ? escaped(text) : `<tspan class="${style}">${escaped(text)}</tspan>`,
  );
  const length = row.reduce((sum, { text }) => sum + [...text].length, 0);
  // The same width whatever font there is.
  return `<text x="${PADDING}" y="${y}" textLength="${(length * CHARACTER.width).toFixed(1)}">${runs.join('')}</text>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
