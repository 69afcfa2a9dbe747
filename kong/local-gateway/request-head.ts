/**
 * Reads the head of a request as nginx does (ngx_http_parse.c, ngx_http_request.c), with nginx's default limits: what
 * Node's parser takes and nginx refuses never reaches a plugin, and the other way round. Pure; text is bytes read as latin1.
 */

/** How the end of a request's body is known. */
export type BodyFraming = { kind: 'length'; bytes: number } | { kind: 'chunked' };

export interface RequestHead {
  method: string;
  /** Path and query as the client wrote them, without the scheme and host of an absolute target. */
  target: string;
  /** nginx's `$host`: of the target or else of the Host header, in lower case, without port. */
  host: string;
  version: '1.0' | '1.1';
  /** Names and values in turn. Headers whose names nginx ignores are left out. */
  rawHeaders: string[];
  framing: BodyFraming;
}

/** What nginx answers instead, and the headers that it had read by then. */
export interface Refusal {
  status: number;
  method: string;
  rawHeaders: string[];
}

export type HeadResult =
  | { kind: 'incomplete' }
  | { kind: 'refused'; refusal: Refusal }
  /** `end` is where the body begins. */
  | { kind: 'read'; head: RequestHead; end: number };

/** nginx's client_header_buffer_size and large_client_header_buffers. */
const SMALL_BUFFER_BYTES = 1024;
const LARGE_BUFFER_BYTES = 8192;
const LARGE_BUFFERS = 4;
/** Kong's lua_max_req_headers does not matter here: nginx itself refuses more lines than this (measured). */
const MAX_HEADERS = 1000;
/** What Kong says where nginx has a status of its own, 494. */
export const HEADERS_TOO_LARGE = 494;
/** nginx's `$host` of a request that names none: Kong's server_name. */
const SERVER_NAME = 'kong';

/** Thrown within this file: nginx refuses the request with this status. */
class Refused extends Error {
  readonly status: number;

  constructor(status: number) {
    super(String(status));
    this.status = status;
  }
}

/** Reads the head at the start of what has been received. Call it again with more if it is incomplete. */
export function readHead(received: string): HeadResult {
  const rawHeaders: string[] = [];
  let method = '';
  try {
    const start = /^[\r\n]*/.exec(received)?.[0].length ?? 0;
    let at = start;
    const buffers = countBuffers();
    const nextLine = (): string | undefined => {
      const end = received.indexOf('\n', at);
      buffers.add((end < 0 ? received.length : end + 1) - at, end >= 0);
      if (end < 0) return undefined;
      const line = received.slice(at, end);
      at = end + 1;
      return line;
    };
    const first = nextLine();
    method = /^[A-Z_-]+(?= )/.exec(received.slice(start))?.[0] ?? '';
    if (first === undefined) {
      // Without this, what is no HTTP at all would wait for a line feed.
      if (method === '' && !/^[A-Z_-]*$/.test(received.slice(start))) throw new Refused(400);
      return { kind: 'incomplete' };
    }
    const line = readRequestLine(withoutCr(first));
    if (line.version === undefined) {
      // HTTP/0.9: a path and nothing else.
      const simple: RequestHead = { ...line, host: SERVER_NAME, version: '1.0', rawHeaders, framing: NO_BODY };
      return { kind: 'read', head: simple, end: at };
    }
    const { version } = line;
    for (let lines = 0; ; lines += 1) {
      const field = nextLine();
      if (field === undefined) return { kind: 'incomplete' };
      const text = withoutCr(field);
      if (text === '') break;
      if (lines >= MAX_HEADERS) throw new Refused(HEADERS_TOO_LARGE);
      const header = readField(text);
      if (header !== undefined) rawHeaders.push(...header);
    }
    const named = readHost(all(rawHeaders, 'host'), version);
    const framing = readFraming(rawHeaders, version);
    if (method === 'TRACE' || method === 'CONNECT') throw new Refused(405);
    const head = { method, target: line.target, host: line.host ?? named, version, rawHeaders, framing };
    return { kind: 'read', head, end: at };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { kind: 'refused', refusal: { status: error.status, method, rawHeaders } };
  }
}

const NO_BODY: BodyFraming = { kind: 'length', bytes: 0 };

/** Counts nginx's buffers: a line is never split between two, so lines that do not fill one waste its rest. */
function countBuffers() {
  let [size, used, large, isFirst] = [SMALL_BUFFER_BYTES, 0, 0, true];
  return {
    /** Adds a line, or as much of it as there is. */
    add(bytes: number, isWhole: boolean): void {
      if (used + bytes + (isWhole ? 0 : 1) > size) {
        if (bytes + (isWhole ? 0 : 1) > LARGE_BUFFER_BYTES) throw new Refused(isFirst ? 414 : HEADERS_TOO_LARGE);
        if (large === LARGE_BUFFERS) throw new Refused(HEADERS_TOO_LARGE);
        [size, used, large] = [LARGE_BUFFER_BYTES, 0, large + 1];
      }
      used += bytes;
      isFirst = false;
    },
  };
}

/** Removes the CR before the line feed. @throws Refused for a CR or NUL anywhere else */
function withoutCr(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line;
  if (/[\r\0]/.test(text)) throw new Refused(400);
  return text;
}

type RequestLine = Pick<RequestHead, 'method' | 'target'> & {
  host: string | undefined;
  version: RequestHead['version'] | undefined;
};

// biome-ignore lint/suspicious/noControlCharactersInRegex: nginx refuses these.
const LINE = /^([A-Z_-]+) +([^\x00-\x20\x7f]+)(?: *| +HTTP\/([1-9]\d*)\.(\d{1,3}) *)$/;
const ABSOLUTE = /^[a-z][a-z\d+.-]*:\/\/([a-z\d.-]+|\[[a-z\d:._~!$&'()*+,;=-]+\])(?::\d*)?(?:([/?].*))?$/i;

function readRequestLine(line: string): RequestLine {
  const [, method, whole, major, minor] = LINE.exec(line) ?? [];
  if (method === undefined || whole === undefined) throw new Refused(400);
  const [, host, rest = ''] = ABSOLUTE.exec(whole) ?? [];
  const target = host === undefined ? whole : rest.startsWith('/') ? rest : `/${rest}`;
  if (!target.startsWith('/')) throw new Refused(400);
  if (Number(major) > 1) throw new Refused(505);
  if (!isResolvable(target)) throw new Refused(400);
  const version = major === undefined ? undefined : Number(minor) === 0 ? '1.0' : '1.1';
  if (version === undefined && method !== 'GET') throw new Refused(400);
  return { method, target, host: host === undefined ? undefined : validHost(host), version };
}

/** Returns whether nginx can decode the path and does not climb above its root. */
function isResolvable(target: string): boolean {
  const [path = ''] = target.split(/[?#]/, 1);
  if (/%(?![\da-f]{2})|%00/i.test(path)) return false;
  const decoded = path.replace(/%([\da-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  let depth = 0;
  for (const segment of decoded.split('/')) {
    if (segment === '..') depth -= 1;
    else if (segment !== '' && segment !== '.') depth += 1;
    if (depth < 0) return false;
  }
  return true;
}

/** Reads a header. Returns undefined for one that nginx ignores: its name has a character that is not known there. */
function readField(line: string): [name: string, value: string] | undefined {
  const colon = line.indexOf(':');
  const name = colon < 0 ? line : line.slice(0, colon);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: nginx refuses these.
  if (name === '' || /[\x00-\x20\x7f]/.test(name)) throw new Refused(400);
  if (!/^[\w-]+$/.test(name)) return undefined;
  return [name, colon < 0 ? '' : line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')];
}

function readHost(hosts: readonly string[], version: RequestHead['version']): string {
  const [host, ...others] = hosts;
  if (host === undefined && version === '1.0') return SERVER_NAME;
  if (host === undefined || others.length > 0) throw new Refused(400);
  return validHost(host);
}

/** Checks a host and removes its port (ngx_http_validate_host). */
function validHost(host: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: nginx refuses these.
  if (/\.\.|[/\x00-\x20\x7f]/.test(host)) throw new Refused(400);
  const name = host.startsWith('[') ? (/^\[[^\]]*\]?/.exec(host)?.[0] ?? '') : host.replace(/:.*$/, '');
  const valid = name.replace(/\.$/, '').toLowerCase();
  if (valid === '') throw new Refused(400);
  return valid;
}

function readFraming(rawHeaders: readonly string[], version: RequestHead['version']): BodyFraming {
  const [lengths, codings] = [all(rawHeaders, 'content-length'), all(rawHeaders, 'transfer-encoding')];
  if (lengths.length > 1 || codings.length > 1) throw new Refused(400);
  const [[length], [coding]] = [lengths, codings];
  const bytes = Number(length ?? 0);
  if (length !== undefined && !(/^\d+$/.test(length) && Number.isSafeInteger(bytes))) throw new Refused(400);
  if (coding === undefined) return { kind: 'length', bytes };
  if (version === '1.0') throw new Refused(400);
  if (coding.toLowerCase() !== 'chunked') throw new Refused(501);
  if (length !== undefined) throw new Refused(400);
  return { kind: 'chunked' };
}

function all(rawHeaders: readonly string[], name: string): string[] {
  return rawHeaders.flatMap((own, index) =>
    index % 2 === 0 && own.toLowerCase() === name ? [rawHeaders[index + 1] ?? ''] : [],
  );
}
