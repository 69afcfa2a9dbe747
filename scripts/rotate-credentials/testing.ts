/** What the tests of a rotation share: a world whose time is virtual and whose answers are given. */
import type { Effects, HttpAnswer, HttpRequest } from './effects.js';

export interface TestEffects extends Effects {
  requests: HttpRequest[];
  slept: number[];
}

/** @param respond an answer, or an error for none */
export function testEffects(
  respond: (request: HttpRequest) => { status: number; body?: unknown; headers?: Record<string, string> } | Error,
): TestEffects {
  let nowMs = 1_800_000_000_000;
  const requests: HttpRequest[] = [];
  const slept: number[] = [];
  return {
    requests,
    slept,
    nowMs: () => nowMs,
    random: () => 0.5,
    async sleep(ms) {
      slept.push(ms);
      nowMs += ms;
    },
    async send(request): Promise<HttpAnswer> {
      requests.push(request);
      nowMs += 10;
      const answer = respond(request);
      if (answer instanceof Error) throw answer;
      const { status, body, headers = {} } = answer;
      const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
      return { status, header: (name) => headers[name] ?? null, text };
    },
    checkpoint() {},
  };
}
