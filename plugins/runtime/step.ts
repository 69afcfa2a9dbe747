/**
 * A step: what one part of a plugin does in one phase. It reads first, then decides, and changes nothing itself:
 *
 * ```ts
 * const access = step(
 *   async (event) => ({ consumer: await event.client.getConsumer() }),
 *   ({ consumer }) => consumer === undefined
 *     ? { effects: [], answer: { code: 'gateway.request.refused', message: 'Who are you?' } }
 *     : { effects: [setServiceHeaders({ 'X-Who': consumer.id })] },
 * );
 * ```
 *
 * So all steps of an event can read in the same tick, and each decision is tested without Kong.
 */
import type { GatewayErrorCode } from '../shared/gateway-error.js';
import type { AnswerOptions } from '../shared/http/answer.js';
import type { HeaderValues, Kong } from '../shared/pdk.js';
import type { Timeline } from '../shared/timeline.js';
import type { Effect } from './effects.js';

/** What a step may ask Kong: getters, and `setUpstream`, whose result decides what comes next. */
export interface Reader {
  client: Kong['client'];
  ctx: { shared: Pick<Kong['ctx']['shared'], 'get'> };
  log: Pick<Kong['log'], 'serialize'>;
  nginx: Pick<Kong['nginx'], 'getVar' | 'getCtx'>;
  request: Kong['request'];
  response: Pick<Kong['response'], 'getStatus' | 'getHeader' | 'getHeaders' | 'getSource'>;
  router: Kong['router'];
  service: Pick<Kong['service'], 'setUpstream'> & { response: Kong['service']['response'] };
}

/** An error answer of the suite. Kong's request id is added when it is sent. */
export interface ErrorAnswer extends AnswerOptions {
  code: GatewayErrorCode;
  message: string;
}

/** Any other answer in place of the service's. */
export interface PlainAnswer {
  status: number;
  body: string | Buffer;
  headers: HeaderValues;
}

/** The decision of a step. An answer ends the event: later steps do not decide. */
export interface Verdict {
  effects: readonly Effect[];
  answer?: ErrorAnswer | PlainAnswer;
  /** Decides again after the effects, for a mark that must be set before a body is read: the client may go away. */
  next?(): Verdict | Promise<Verdict>;
}

/** Starts to read. The returned function decides, when it is this step's turn. */
export type Step = (event: Reader, timeline?: Timeline) => () => Verdict | Promise<Verdict>;

/** Lets the request go on unchanged. */
export const GO_ON: Verdict = { effects: [] };

const ignore = (): void => {};

/**
 * Makes a step from its two halves.
 * @param read asks Kong; a second tick of reads may depend on the first
 * @param decide decides by what was read and by the part's own state, and notes what it waits for
 */
export function step<Facts>(
  read: (event: Reader) => Facts | Promise<Facts>,
  decide: (facts: Facts, timeline?: Timeline) => Verdict | Promise<Verdict>,
): Step {
  return (event, timeline) => {
    const facts = read(event);
    if (!(facts instanceof Promise)) return () => decide(facts, timeline);
    // An earlier step may end the event. Then nothing awaits these facts.
    facts.catch(ignore);
    return () => facts.then((read) => decide(read, timeline));
  };
}
