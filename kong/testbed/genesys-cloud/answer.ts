/**
 * What the simulator answers with: one small record that handlers build and the server sends, and Genesys Cloud's
 * error bodies. Pure.
 */

/** An answer before it goes on the wire. `body` is sent as it is; the content type is JSON unless `headers` says more. */
export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: Buffer;
}

/** Genesys Cloud's error body. `contextId` is the answer's ININ-Correlation-Id. */
export interface ErrorBody {
  message: string;
  code: string;
  status: number;
  contextId: string;
  details: { errorCode: string; fieldName: string }[];
  errors: ErrorBody[];
  /** The limit that a 429 is about. */
  limit?: { key: string; namespace: string; value: number };
}

/** A failure that a handler throws and the server turns into Genesys' error body. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Record<string, string>;
  readonly limit: ErrorBody['limit'];

  constructor(
    status: number,
    code: string,
    message: string,
    headers: Record<string, string> = {},
    limit?: ErrorBody['limit'],
  ) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.headers = headers;
    this.limit = limit;
  }
}

/** A 400 of the API; `code` is Genesys' general one unless the case has its own. */
export function badRequest(message: string, code = 'bad.request'): ApiError {
  return new ApiError(400, code, message);
}

/** The 404 of the API, for resources and entities alike. */
export function notFound(): ApiError {
  return new ApiError(404, 'not.found', 'The requested resource was not found.');
}

/** Builds a JSON answer of any value. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return { status, headers, body: Buffer.from(JSON.stringify(value)) };
}

/**
 * Builds an error answer in Genesys' shape.
 * @param correlationId the value of the answer's ININ-Correlation-Id, repeated as `contextId`
 */
export function errorAnswer(error: ApiError, correlationId: string): Answer {
  const body: ErrorBody = {
    message: error.message,
    code: error.code,
    status: error.status,
    contextId: correlationId,
    details: [],
    errors: [],
    ...(error.limit && { limit: error.limit }),
  };
  return json(error.status, body, error.headers);
}
