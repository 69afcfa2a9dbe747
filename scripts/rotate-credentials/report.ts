/** What people and programs see of a rotation: a line per step, or JSON a line. Every known secret is cut out. */
import type { FailureName } from './failure.js';

export interface Report {
  started(step: string, number: number, of: number): void;
  finished(step: string, ms: number, detail: string): void;
  /** Something between. */
  note(message: string): void;
  failed(step: string, failure: FailureName, message: string, hint: string): void;
  /** What nobody may overlook. */
  alarm(message: string, hint: string): void;
  /** A record of another kind. */
  record(event: string, fields: Record<string, unknown>, lines: readonly string[]): void;
}

export interface Output {
  out(line: string): void;
  err(line: string): void;
  /** Shows what goes on until the next line, on a terminal. */
  progress?(text: string): void;
}

/** @param scrub applied to every line */
export function createReport(json: boolean, output: Output, scrub: (line: string) => string): Report {
  const emit = (event: string, fields: Record<string, unknown>, lines: readonly string[], loud = false): void => {
    if (json) output.out(scrub(JSON.stringify({ event, ...fields })));
    else for (const line of lines) (loud ? output.err : output.out)(scrub(line));
  };
  let place = '';
  return {
    started(step, number, of) {
      place = `[${number}/${of}]`;
      emit('step', { step, status: 'started', number, of }, []);
      if (!json) output.progress?.(`${place.padEnd(7)} ${step} ...`);
    },
    finished: (step, ms, detail) =>
      emit('step', { step, status: 'done', ms, detail }, [
        `${place.padEnd(7)} ${step.padEnd(11)} ${seconds(ms).padStart(8)}  ${detail}`,
      ]),
    note: (message) => emit('note', { message }, [`        ${message}`]),
    failed: (step, failure, message, hint) =>
      emit(
        'failed',
        { step, failure, message, hint },
        [`${failure} in ${step}: ${message}`, ...(hint === '' ? [] : [`  hint: ${hint}`])],
        true,
      ),
    alarm: (message, hint) => emit('alarm', { message, hint }, ['', `!!! ${message}`, `!!! ${hint}`, ''], true),
    record: (event, fields, lines) => emit(event, fields, lines),
  };
}

/** Cuts known secrets out of text. */
export function createScrubber(): { learn(secret: string): void; scrub(text: string): string } {
  const secrets = new Set<string>();
  return {
    learn(secret) {
      if (secret.length >= 8) secrets.add(secret);
    },
    scrub(text) {
      let clean = text;
      for (const secret of secrets) clean = clean.replaceAll(secret, '[secret]');
      return clean;
    },
  };
}

/** The figures at the end, for people. */
export function figureLines(figures: Record<string, unknown>): string[] {
  const { total_ms, calls, retries, latency_ms, adoption_ms, regenerate_to_publish_ms } = figures;
  const latency = latency_ms as { p50: number; p95: number; max: number };
  return [
    `done in ${seconds(Number(total_ms))}; ${calls} calls, ${retries} repeated, latency ${latency.p50} ms (median), ${latency.p95} ms (95 %), ${latency.max} ms (longest)`,
    ...Object.entries((adoption_ms ?? {}) as Record<string, number>).map(
      ([url, ms]) => `  ${url} used the new credential ${seconds(ms)} after it was published`,
    ),
    ...(regenerate_to_publish_ms === undefined
      ? []
      : [`  the secret was out of the store for ${seconds(Number(regenerate_to_publish_ms))} after the old one died`]),
  ];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}
