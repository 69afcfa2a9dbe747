/** Whether a soak was flat: memory, open files and latency over time, judged by bounds that stand here with their reasons. Pure. */

/** What was measured in one interval. */
export interface Sample {
  /** Since the load began, at the interval's end. */
  atMs: number;
  requests: number;
  wrong: number;
  p50Ms: number;
  p99Ms: number;
  /** By the name of the process; a process that another took the place of goes on under its name. */
  processes: Record<string, { pid: number; residentMb: number; openFiles: number }>;
}

export interface Verdict {
  isFlat: boolean;
  /** What is not as it should be, in words. */
  faults: string[];
  /** After the warm-up, by process. */
  memory: Record<string, { mbPerHour: number; grownMb: number }>;
  /** Medians of the intervals' p99, in ms. */
  p99Ms: { firstQuarter: number; lastQuarter: number };
}

/** The part of a run that is left out, 10 minutes at most: caches fill, V8 compiles and finds the size of its heap. */
const WARM_UP_PART = 0.2;
const MAX_WARM_UP_MS = 600_000;

/** At 300 requests a second, 20 MB an hour are 20 bytes a request: less than any object that could be forgotten with each. */
const MAX_MB_PER_HOUR = 20;

/**
 * What resident memory goes up and down by of itself, with the garbage that V8 has not collected yet: measured, 10 MB. A
 * slope that does not come to this within the run is no slope.
 */
const SWING_MB = 15;

/** Other work on the machine moves p99 more than anything; a gateway that degrades moves it without end. */
const P99_FACTOR = 1.5;
const P99_SLACK_MS = 5;

/** Kong's pools open and close connections as they are used. What is leaked comes with requests, and there are thousands. */
const MORE_OPEN_FILES = 32;

/** Judges a run. At least ten samples are needed. */
export function judgeSoak(samples: readonly Sample[]): Verdict {
  const endMs = samples.at(-1)?.atMs ?? 0;
  const warmUpMs = Math.min(MAX_WARM_UP_MS, endMs * WARM_UP_PART);
  const settled = samples.filter(({ atMs }) => atMs >= warmUpMs);
  const quarter = Math.max(1, Math.floor(settled.length / 4));
  const [first, last] = [settled.slice(0, quarter), settled.slice(-quarter)];
  const faults: string[] = [];

  const wrong = samples.reduce((sum, sample) => sum + sample.wrong, 0);
  if (wrong > 0) faults.push(`${wrong} answers were wrong`);
  if (settled.length < 10) faults.push(`${settled.length} samples after the warm-up: too few to judge by`);

  const p99Ms = { firstQuarter: median(first.map((s) => s.p99Ms)), lastQuarter: median(last.map((s) => s.p99Ms)) };
  const allowedMs = p99Ms.firstQuarter * P99_FACTOR + P99_SLACK_MS;
  // A value that is no number is no proof either.
  if (!(p99Ms.lastQuarter <= allowedMs)) {
    faults.push(`p99 went from ${p99Ms.firstQuarter.toFixed(1)} to ${p99Ms.lastQuarter.toFixed(1)} ms`);
  }

  const memory: Verdict['memory'] = {};
  for (const name of new Set(samples.flatMap(({ processes }) => Object.keys(processes)))) {
    const points = settled.flatMap(({ atMs, processes }) => {
      const level = processes[name];
      return level === undefined ? [] : [{ atMs, ...level }];
    });
    if (new Set(points.map(({ pid }) => pid)).size !== 1 || points.length < settled.length) {
      faults.push(`${name} did not run all the time in one process`);
    }
    const mbPerHour = slope(points.map(({ atMs, residentMb }) => [atMs / 3_600_000, residentMb]));
    const grownMb = (mbPerHour * (endMs - warmUpMs)) / 3_600_000;
    memory[name] = { mbPerHour, grownMb };
    if (!(mbPerHour <= MAX_MB_PER_HOUR || grownMb <= SWING_MB)) {
      faults.push(`${name} grew by ${mbPerHour.toFixed(1)} MB an hour, ${grownMb.toFixed(1)} MB in this run`);
    }
    const files = (part: readonly Sample[]): number =>
      median(part.flatMap(({ processes }) => processes[name]?.openFiles ?? []));
    if (!(files(last) <= files(first) + MORE_OPEN_FILES)) {
      faults.push(`${name} had ${files(first)} open files, and ${files(last)} in the end`);
    }
  }
  return { isFlat: faults.length === 0, faults, memory, p99Ms };
}

/** The slope of the line that fits best (least squares), in y for each x. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const variance = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return covariance / variance;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
