/**
 * The load of the chaos suite: clients that send allowed, refused, large, broken and aborted requests, one after the
 * other, until they are stopped. Every answer is judged as it comes; what became of each request is kept.
 */
import { Agent, request as httpRequest } from 'node:http';
import { type Answer, type Exchange, type Kind, undesigned, unfilteredFields } from './invariants.js';
import { BROKEN_PATHS, CREDENTIALS, PERSON, UNFILTERED } from './surroundings.js';

/** One request to send. */
interface Shape {
  kind: Kind;
  method: 'GET' | 'POST';
  path: string;
  headers: Record<string, string>;
  body?: string;
  /** When the client hangs up: before it has sent all, while it waits, or when the answer begins. */
  hangsUp?: 'sending' | 'waiting' | 'receiving';
}

export interface Load {
  /** All that are over, in the order of their ends. */
  exchanges: readonly Exchange[];
  /** What was wrong with answers, by the name of the rule. */
  violations: { unfiltered: string[]; undesigned: string[] };
  /** Lets every client end its request. */
  stop(): Promise<void>;
}

/** Between two requests of a client: enough for some hundred requests a second of all. */
const PAUSE_MS = 15;
const LARGE_PAUSE_MS = 150;
/** Told of the first ones only. */
const MAX_TOLD = 20;

/**
 * Starts it.
 * @param name begins the ids of its requests
 * @param giveUpMs how long a client waits for an answer
 */
export function startLoad(url: string, name: string, giveUpMs: number): Load {
  const exchanges: Exchange[] = [];
  const violations: Load['violations'] = { unfiltered: [], undesigned: [] };
  let isStopped = false;
  let sent = 0;
  const tell = (list: string[], found: readonly string[]): void => {
    for (const each of found) if (list.length < MAX_TOLD) list.push(each);
  };
  const judge = (kind: Kind, answer: Answer): void => {
    tell(violations.unfiltered, unfilteredFields(answer, UNFILTERED));
    tell(violations.undesigned, undesigned(kind, answer));
  };
  const clients = CLIENTS.map(async ({ shapes, pauseMs = PAUSE_MS }) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let turn = 0; !isStopped; turn += 1) {
      sent += 1;
      const shape = shapes[turn % shapes.length];
      if (shape === undefined) break;
      const { exchange, answer } = await exchangeOf(url, shape, `${name}-${sent}`, agent, giveUpMs);
      exchanges.push(exchange);
      if (answer !== undefined) judge(shape.kind, answer);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    agent.destroy();
  });
  return {
    exchanges,
    violations,
    async stop() {
      isStopped = true;
      await Promise.all(clients);
    },
  };
}

/** What a client should not be able to hand on, with what it authenticates by. */
const withKey = (key: string) => ({
  apikey: key,
  Accept: 'application/json',
  Authorization: `Bearer ${CREDENTIALS.bearer}`,
  'Proxy-Authorization': `Bearer ${CREDENTIALS.bearer}`,
  Cookie: CREDENTIALS.cookie,
  'X-Caller-Name': PERSON.name,
});
const KEYED = withKey(CREDENTIALS.key);
const JSON_BODY = { ...KEYED, 'Content-Type': 'application/json' };
const QUERY = `pageSize=5&email=${encodeURIComponent(PERSON.email)}`;

const get = (kind: Kind, path: string, headers: Record<string, string> = KEYED): Shape => ({
  kind,
  method: 'GET',
  path,
  headers,
});
const READ = get('read', `/reads/users?${QUERY}`);
const LARGE = get('large', '/reads/chaos/large');
const WRITE: Shape = {
  kind: 'write',
  method: 'POST',
  path: '/writes/chaos/write',
  headers: JSON_BODY,
  body: JSON.stringify({ ...PERSON, note: `called from ${PERSON.phone}` }),
};
const LOGIN: Shape = {
  kind: 'login',
  method: 'POST',
  path: '/oauth/token',
  headers: {
    Accept: 'application/json',
    Authorization: `Basic ${Buffer.from(`${CREDENTIALS.login.username}:${CREDENTIALS.login.password}`).toString('base64')}`,
    'Content-Type': 'application/x-www-form-urlencoded',
  },
  body: 'grant_type=client_credentials',
};
const LONG_BODY = JSON.stringify({ ...PERSON, notes: 'x'.repeat(200_000) });

/** Each sends its shapes in turn, one request at a time. */
const CLIENTS: readonly { shapes: readonly Shape[]; pauseMs?: number }[] = [
  ...Array.from({ length: 3 }, () => ({ shapes: [READ] })),
  { shapes: [LARGE], pauseMs: LARGE_PAUSE_MS },
  ...Array.from({ length: 2 }, () => ({ shapes: [WRITE] })),
  ...Array.from({ length: 2 }, () => ({ shapes: [get('regional', `/regional/users?${QUERY}`)] })),
  { shapes: [get('short-token', '/short/users?pageSize=3')] },
  { shapes: [LOGIN], pauseMs: 50 },
  {
    shapes: [
      get('no-key', `/reads/users?${QUERY}`, { Accept: 'application/json' }),
      get('wrong-group', `/reads/users?${QUERY}`, withKey(CREDENTIALS.otherKey)),
    ],
  },
  { shapes: [get('over-quota', '/limited/users?pageSize=2', withKey(CREDENTIALS.limitedKey))] },
  { shapes: BROKEN_PATHS.map((name) => get('broken', `/reads/chaos/${name}`)) },
  {
    shapes: [
      { ...READ, kind: 'aborted', hangsUp: 'waiting' },
      { ...WRITE, kind: 'aborted', body: LONG_BODY, hangsUp: 'sending' },
      { ...LARGE, kind: 'aborted', hangsUp: 'receiving' },
      { ...WRITE, kind: 'aborted', hangsUp: 'waiting' },
    ],
    pauseMs: 30,
  },
];

/** How many clients there are: so many requests are under way at most. */
export const CLIENT_COUNT = CLIENTS.length;

/** When a client that does not wait hangs up, in ms after its request: within the time that an answer usually takes. */
const HANG_UP_MS = 4;

function exchangeOf(
  url: string,
  shape: Shape,
  id: string,
  agent: Agent,
  giveUpMs: number,
): Promise<{ exchange: Exchange; answer?: Answer }> {
  const { kind, method, path, headers, body = '', hangsUp } = shape;
  const startedAt = Date.now();
  return new Promise((resolve) => {
    let isLeft = false;
    let isLate = false;
    const end = (outcome: Exchange['outcome'], answer?: Answer): void => {
      clearTimeout(giveUp);
      const status = answer?.status ?? 0;
      const exchange: Exchange = { id, kind, method, startedAt, endedAt: Date.now(), outcome, status };
      resolve(answer === undefined ? { exchange } : { exchange, answer });
    };
    const length = method === 'GET' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const request = httpRequest(`${url}${path}`, {
      method,
      agent,
      headers: { ...headers, ...length, 'X-Chaos-Id': id },
    });
    const leave = (): void => {
      isLeft = true;
      request.destroy();
    };
    const giveUp = setTimeout(() => {
      isLate = true;
      request.destroy();
    }, giveUpMs);
    const broken = (): void => end(isLate ? 'unanswered' : isLeft ? 'left' : 'cut');
    request.on('error', broken);
    request.on('response', (response) => {
      if (hangsUp === 'receiving') response.once('data', leave);
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', broken);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        end('answered', { status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    if (hangsUp === 'sending') {
      request.write(body.slice(0, body.length / 2));
      request.flushHeaders();
    } else request.end(body);
    if (hangsUp === 'sending' || hangsUp === 'waiting') setTimeout(leave, HANG_UP_MS);
  });
}
