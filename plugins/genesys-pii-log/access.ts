/**
 * The access phase. It marks the request as seen and, if configured, keeps its body for the log phase. Only the request
 * guard refuses requests here. A body that cannot be kept is not logged.
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
  /** The key in `ctx.shared` under which the log phase finds the request's id. */
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
    // Reading begins at once, but the mark is set without waiting for it.
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
  // Checked before the body is read: Kong sends a body that was read, even if the Connection header removed its length.
  const refusal = refusalOf({ connection, upstreamUri });
  // HTTP/2 needs neither a length nor an encoding. A length that is no number is two headers, one with an underscore.
  const size =
    length !== undefined && transferEncoding === undefined && /^\d+$/.test(length) ? Number(length) : undefined;
  const hasBody = size === undefined ? (length ?? transferEncoding ?? contentType) !== undefined : size > 0;
  if (refusal !== undefined || !logsBody || !hasBody) return { refusal, body: undefined };
  const declared = { contentType, contentEncoding };
  const unread = size === undefined ? undefined : { bytes: Buffer.alloc(0), size, ...declared };
  if (declaredKind(parseMediaType(contentType)) === 'binary' || (size ?? 0) > HARD_LIMIT) {
    return { refusal, body: unread };
  }
  // The service may still accept a body that is too large or cannot be read here.
  const bytes = await request.getRawBody(HARD_LIMIT).catch(() => undefined);
  if (bytes === undefined) return { refusal, body: unread };
  if (bytes.length === 0) return { refusal, body: undefined };
  // Copies the beginning, so that the rest can be freed with the frame it came in.
  return { refusal, body: { bytes: Buffer.from(bytes.subarray(0, WINDOW)), size: bytes.length, ...declared } };
}
