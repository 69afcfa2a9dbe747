/** The types that metrics of a process share: what an event adds to them, and what they give to a reader. */
import type { Phase } from '../../plugins/shared/plugin.js';

/** How an event ended: normally, with an answer of the plugin, or with a failure. */
export type EventOutcome = 'ended' | 'exit' | 'failed';

/** @param plugin its name in Kong */
export type ObserveEvent = (plugin: string, phase: Phase, outcome: EventOutcome, milliseconds: number) => void;

/** A metric with its present values, as prom-client has it. */
export interface CollectedMetric {
  name: string;
  help: string;
  type: string;
  /** `metricName` is that of a sample of a histogram, such as `x_bucket`. */
  values: readonly { labels: Readonly<Record<string, string | number>>; value: number; metricName?: string }[];
}
