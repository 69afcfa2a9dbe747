/** What a connection needs to know of tracing. */
import type { Kong } from '../../../plugins/shared/pdk.js';
import type { Phase } from '../../../plugins/shared/plugin.js';
import type { Timeline } from '../../../plugins/shared/timeline.js';
import type { EventOutcome } from '../metric-types.js';

/** Follows one event. */
export interface EventTrace {
  readonly timeline: Timeline;
  /** Called once. */
  end(outcome: EventOutcome): void;
}

/** Begins to follow an event, before its handler runs. @param plugin its name in Kong */
export type TraceEvent = (plugin: string, phase: Phase, kong: Kong) => EventTrace;
