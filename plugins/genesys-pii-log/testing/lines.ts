/** For tests: lines as sinks take them. */
import type { Line } from '../entry/line.js';

export function testLine(text: string | number, status = 200): Line {
  const json = JSON.stringify({ n: text });
  return { json, timeMs: 1_768_208_400_000, status, within: (max) => (json.length <= max ? json : '{}') };
}
