/** Turns `kong.response.exit` into an answer. */
import type { PdkValue } from '../../plugins/shared/pdk.js';
import type { ExitArgs } from '../pdk/messages.js';
import { fromText } from './headers.js';
import type { Answer, RequestContext } from './request-context.js';

/**
 * Builds the answer of an exit. In the response phase the service's headers stay. So does Content-Encoding, although
 * the body is a different one (measured). Content-Length is Kong's own.
 */
export function answerOf(context: RequestContext, { status, body, headers }: ExitArgs): Answer {
  const list = context.answer === undefined ? context.early.clone() : context.answer.headers.clone();
  for (const [name, value] of Object.entries(headers)) {
    list.set(
      name,
      [value].flat().map((item: PdkValue) => fromText(String(item === '' ? ' ' : item))),
    );
  }
  list.remove('content-length');
  return { status, headers: list, body: Buffer.from(body) };
}
