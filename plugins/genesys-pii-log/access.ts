/**
 * The access phase: marks the request as seen, and keeps its body for the log phase if that is asked for. It refuses only
 * what the request guard does; what cannot be kept is not logged.
 */
import { share } from '../runtime/effects.js';
import { refused } from '../runtime/refused.js';
import { GO_ON, type Reader, type Step, step, type Verdict } from '../runtime/step.js';
import { parseMediaType } from '../shared/http/media-type.js';
import { readGuarded, refusalOf } from '../shared/http/request-guard.js';
import { type CapturedBody, HARD_LIMIT, WINDOW } from './body/body.js';
import { declaredKind } from './body/kind.js';
import type { Requests } from './requests.js';

/** What the access phase of one configuration needs. */
export interface Access {
  requests: Requests;
  /** Under this key of `ctx.shared` the log phase finds the request's id. */
  marker: string;
  logsBody: boolean;
}

interface Facts {
  refusal: string | undefined;
  body: CapturedBody | undefined;
}

/** Makes the step of one configuration. */
export function accessStep({ requests, marker, logsBody }: Access): Step {
  return step(
    // Reading begins at once, but nobody waits for it before the mark is set.
    (event) => ({ reading: readFacts(event, logsBody) }),
    ({ reading }) => {
      const id = requests.begin();
      const next = async (): Promise<Verdict> => {
        const { refusal, body } = await reading;
        if (body !== undefined) requests.keep(id, body);
        return refusal === undefined ? GO_ON : refused(refusal);
      };
      return { effects: [share(marker, id)], next };
    },
  );
}

async function readFacts({ nginx, request }: Reader, logsBody: boolean): Promise<Facts> {
  const header = (name: string) => (logsBody ? request.getHeader(name) : undefined);
  const [connection, upstreamUri, length, transferEncoding, contentType, contentEncoding] = await Promise.all([
    ...readGuarded({ nginx }),
    header('content-length'),
    header('transfer-encoding'),
    header('content-type'),
    header('content-encoding'),
  ]);
  // Before the body is read: Kong sends a body that was read even if its length has gone with the Connection header.
  const refusal = refusalOf({ connection, upstreamUri });
  // HTTP/2 needs neither a length nor an encoding. What is no number is two headers, one with an underscore in its name.
  const size =
    length !== undefined && transferEncoding === undefined && /^\d+$/.test(length) ? Number(length) : undefined;
  const hasBody = size === undefined ? (length ?? transferEncoding ?? contentType) !== undefined : size > 0;
  if (refusal !== undefined || !logsBody || !hasBody) return { refusal, body: undefined };
  const declared = { contentType, contentEncoding };
  const unread = size === undefined ? undefined : { bytes: Buffer.alloc(0), size, ...declared };
  if (declaredKind(parseMediaType(contentType)) === 'binary' || (size ?? 0) > HARD_LIMIT) {
    return { refusal, body: unread };
  }
  // What is larger than may be read, or not readable, the service may still take.
  const bytes = await request.getRawBody(HARD_LIMIT).catch(() => undefined);
  if (bytes === undefined) return { refusal, body: unread };
  if (bytes.length === 0) return { refusal, body: undefined };
  // A copy of the beginning, so that the rest, and the frame it came in, can go.
  return { refusal, body: { bytes: Buffer.from(bytes.subarray(0, WINDOW)), size: bytes.length, ...declared } };
}
