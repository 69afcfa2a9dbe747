/** A session of a terminal as it is recorded: asciinema's format, version 2 (a header, then a line for each output). Pure. */

/** What is printed, and how long after the output before it. */
export interface Output {
  waitMs: number;
  text: string;
}

export interface Size {
  width: number;
  height: number;
}

/** Returns the file's text. Without a time of day, so that two recordings of the same session are the same. */
export function toCast(outputs: readonly Output[], { width, height }: Size, title: string): string {
  let ms = 0;
  const events = outputs.map(({ waitMs, text }) => {
    ms += waitMs;
    return JSON.stringify([ms / 1000, 'o', text]);
  });
  return [JSON.stringify({ version: 2, width, height, title, env: { TERM: 'xterm-256color' } }), ...events, ''].join(
    '\n',
  );
}

/** Reads the outputs of a recording. @throws Error if it is none */
export function fromCast(cast: string): { size: Size; outputs: Output[] } {
  const [header = '', ...lines] = cast.trimEnd().split('\n');
  const { version, width, height } = JSON.parse(header) as Size & { version: number };
  if (version !== 2) throw new Error('it is no recording of version 2');
  let before = 0;
  const outputs = lines.map((line) => {
    const [seconds, , text] = JSON.parse(line) as [number, string, string];
    const waitMs = Math.round((seconds - before) * 1000);
    before = seconds;
    return { waitMs, text };
  });
  return { size: { width, height }, outputs };
}
