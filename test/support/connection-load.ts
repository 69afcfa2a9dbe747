/** Continuous requests on several connections, each told by its answer or by how its connection was cut. */
import { Agent, request as httpRequest } from 'node:http';

/** One request. Times in ms of `performance.now()`. */
export interface Sent {
  method: string;
  sentAt: number;
  /** When the answer was whole, or the connection cut. */
  endedAt: number;
  /** The answer's, whole; undefined if the connection was cut before. */
  status: number | undefined;
  /** The answer's, from 500 on. */
  failure?: string | undefined;
  /** The connection had carried another request before. */
  reused: boolean;
}

export interface ConnectionLoad {
  sent: readonly Sent[];
  /** Lets what was sent end. */
  stop(): Promise<readonly Sent[]>;
}

export interface LoadRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
}

/**
 * Starts it: half of the connections are kept, and carry `read`; the others are new for each request, and carry `write`
 * every tenth time.
 * @param url the gateway's
 */
export function startConnectionLoad(
  url: string,
  connections: number,
  { read, write }: { read: LoadRequest; write: LoadRequest },
): ConnectionLoad {
  const sent: Sent[] = [];
  let stopped = false;
  const loops = Array.from({ length: connections }, async (_, index) => {
    const keepAlive = index % 2 === 0;
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    for (let count = 1; !stopped; count += 1) {
      sent.push(await send(url, agent, !keepAlive && count % 10 === 0 ? write : read));
    }
    agent.destroy();
  });
  return {
    sent,
    async stop() {
      stopped = true;
      await Promise.all(loops);
      return sent;
    },
  };
}

function send(url: string, agent: Agent, { method, path, headers, body = '' }: LoadRequest): Promise<Sent> {
  const sentAt = performance.now();
  return new Promise((resolve) => {
    const end = (status: number | undefined, failure?: string): void =>
      resolve({ method, sentAt, endedAt: performance.now(), status, failure, reused: request.reusedSocket });
    const request = httpRequest(`${url}${path}`, { agent, method, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        if (text.length < 500) text += part;
      });
      response.on('error', () => end(undefined));
      response.on('end', () => end(response.statusCode, Number(response.statusCode) < 500 ? undefined : text));
    });
    request.on('error', () => end(undefined));
    request.end(body);
  });
}
