/** Targets, their health, retries and timeouts: the same on every gateway. */
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type Gateway, startGateway } from './gateway.js';

/** A service that counts, and misbehaves when told. */
interface Target {
  address: string;
  seen: string[];
  behave: 'well' | 'fail' | 'drop' | 'hang';
  close(): Promise<void>;
}

async function startTarget(): Promise<Target> {
  const server: Server = createServer((request, response) => {
    target.seen.push(`${request.method} ${request.headers.host}`);
    request.resume();
    request.on('end', () => {
      if (target.behave === 'drop') request.socket.destroy();
      else if (target.behave === 'well' || target.behave === 'fail') {
        response.statusCode = target.behave === 'well' ? 200 : 500;
        response.end(target.address);
      }
    });
  });
  const upgraded = new Set<Duplex>();
  server.on('upgrade', (request, socket) => {
    upgraded.add(socket);
    if (!request.url?.endsWith('/switch')) {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nplain');
      return;
    }
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n');
    socket.on('data', (chunk) => socket.write(`echo:${chunk}`));
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const target: Target = {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen: [],
    behave: 'well',
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }),
  };
  return target;
}

let gateway: Gateway;
let one: Target;
let two: Target;

let upstreams = 0;
function config(
  targets: { target: string; weight?: number }[],
  upstream: Record<string, unknown> = {},
  service: Record<string, unknown> = {},
): Record<string, unknown> {
  // A new name each time: health is remembered by name.
  upstreams += 1;
  const name = `upstream-${upstreams}`;
  return {
    upstreams: [{ name, targets, ...upstream }],
    services: [
      { name: 'balanced', host: name, protocol: 'http', ...service, routes: [{ name: 'balanced', paths: ['/b'] }] },
    ],
  };
}

/** An address that refuses connections. */
async function deadAddress(): Promise<string> {
  const target = await startTarget();
  await target.close();
  return target.address;
}

async function send(method = 'GET'): Promise<{ status: number; text: string }> {
  const response = await fetch(`${gateway.url}/b`, { method, ...(method === 'POST' ? { body: '{}' } : {}) });
  return { status: response.status, text: await response.text() };
}

beforeAll(async () => {
  [one, two] = [await startTarget(), await startTarget()];
  gateway = await startGateway({ config: config([{ target: one.address }]), plugins: [] });
});
afterAll(async () => {
  await gateway?.close();
  await one?.close();
  await two?.close();
});
beforeEach(() => {
  for (const target of [one, two]) {
    target.seen = [];
    target.behave = 'well';
  }
});

describe('targets', () => {
  it('get requests by their weights, none with weight 0', async () => {
    const three = await startTarget();
    await gateway.reconfigure(
      config([
        { target: one.address, weight: 30 },
        { target: two.address, weight: 10 },
        { target: three.address, weight: 0 },
      ]),
    );
    for (let count = 0; count < 40; count += 1) expect((await send()).status).toBe(200);
    expect([one.seen.length, two.seen.length, three.seen.length]).toEqual([30, 10, 0]);
    await three.close();
  });

  it('are asked under their own name, or that of the upstream', async () => {
    await gateway.reconfigure(config([{ target: one.address }]));
    await send();
    expect(one.seen).toEqual([`GET ${one.address}`]);
    await gateway.reconfigure(config([{ target: one.address }], { host_header: 'api.example.com' }));
    await send();
    expect(one.seen.at(-1)).toBe(`GET api.example.com:${one.address.split(':')[1]}`);
  });
});

describe('a target that', () => {
  it('refuses connections is passed over for the next, for every method', async () => {
    await gateway.reconfigure(config([{ target: await deadAddress() }, { target: one.address }]));
    for (let count = 0; count < 4; count += 1) {
      expect((await send('GET')).status).toBe(200);
      expect((await send('POST')).status).toBe(200);
    }
  });

  it('breaks off is passed over for a GET, but a POST that was sent is not sent again', async () => {
    one.behave = 'drop';
    await gateway.reconfigure(config([{ target: one.address }, { target: two.address }]));
    for (let count = 0; count < 4; count += 1) expect((await send('GET')).status).toBe(200);
    const statuses = [];
    for (let count = 0; count < 4; count += 1) statuses.push((await send('POST')).status);
    expect(statuses).toContain(502);
    const posts = [...one.seen, ...two.seen].filter((line) => line.startsWith('POST'));
    expect(posts).toHaveLength(4);
  });

  it('does not answer in time is a 504', async () => {
    one.behave = 'hang';
    await gateway.reconfigure(config([{ target: one.address }], {}, { read_timeout: 300, retries: 0 }));
    const { status, text } = await send();
    expect(status).toBe(504);
    expect(JSON.parse(text).message).toBe('The upstream server is timing out');
  });

  it('does not answer in time is not asked again, and no other is either', async () => {
    one.behave = 'hang';
    two.behave = 'hang';
    await gateway.reconfigure(
      config([{ target: one.address }, { target: two.address }], {}, { read_timeout: 500, retries: 3 }),
    );
    expect((await send()).status).toBe(504);
    expect([...one.seen, ...two.seen]).toHaveLength(1);
  });

  it('is the only one and refuses connections is a 502', async () => {
    await gateway.reconfigure(config([{ target: await deadAddress() }], {}, { retries: 1 }));
    const { status, text } = await send();
    expect(status).toBe(502);
    expect(JSON.parse(text).message).toBe('An invalid response was received from the upstream server');
  });
});

describe('health', () => {
  it('a target that fails often enough gets nothing more, and with no other left the answer is 503', async () => {
    const passive = { unhealthy: { http_failures: 2, http_statuses: [500] }, healthy: { successes: 1 } };
    await gateway.reconfigure(config([{ target: one.address }], { healthchecks: { passive } }));
    one.behave = 'fail';
    expect((await send()).status).toBe(500);
    expect((await send()).status).toBe(500);
    const { text } = await waitFor('the target to be out', async () => {
      const answer = await send();
      return answer.status === 503 && answer;
    });
    expect(JSON.parse(text).message).toBe('failure to get a peer from the ring-balancer');
    const before = one.seen.length;
    expect((await send()).status).toBe(503);
    expect(one.seen.length).toBe(before);
  });

  it('a connection refused to the last try counts as the 502 that the client gets', async () => {
    const healthchecks = (passive: object) => ({ healthchecks: { passive: { unhealthy: passive } } });
    const dead = [{ target: await deadAddress() }];
    await gateway.reconfigure(config(dead, healthchecks({ tcp_failures: 1 }), { retries: 0 }));
    for (let count = 0; count < 4; count += 1) expect((await send()).status).toBe(502);
    await gateway.reconfigure(config(dead, healthchecks({ http_failures: 1, http_statuses: [502] }), { retries: 0 }));
    await waitFor('the target to be out', async () => (await send()).status === 503);
    await gateway.reconfigure(config(dead, healthchecks({ tcp_failures: 1 }), { retries: 1 }));
    await waitFor('the target to be out', async () => (await send()).status === 503);
  });

  it('failures add up for ever where no number of successes is configured', async () => {
    const passive = { unhealthy: { http_failures: 2, http_statuses: [500] } };
    await gateway.reconfigure(config([{ target: one.address }], { healthchecks: { passive } }));
    // Kong makes the upstream's health checker in a timer, so it may not have seen the first failures.
    await waitFor('the target to be out', async () => {
      one.behave = 'fail';
      await send();
      one.behave = 'well';
      return (await send()).status === 503;
    });
  });

  it('an active check brings it back', async () => {
    const passive = { unhealthy: { http_failures: 1, http_statuses: [500] } };
    const active = {
      type: 'http',
      http_path: '/health',
      unhealthy: { interval: 0.2 },
      healthy: { successes: 1, http_statuses: [200] },
    };
    await gateway.reconfigure(config([{ target: one.address }], { healthchecks: { passive, active } }));
    one.behave = 'fail';
    await waitFor('the target to be out', async () => (await send()).status === 503);
    one.behave = 'well';
    await waitFor('the target to be back', async () => (await send()).status === 200);
  });
});

describe('a request for another protocol', () => {
  const upgrade = (path: string) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const request = httpRequest(`${gateway.url}/b${path}`, {
        headers: { Connection: 'Upgrade', Upgrade: 'websocket' },
      });
      request.on('upgrade', (response, socket) => {
        socket.on('data', (chunk) => {
          resolve({ status: response.statusCode ?? 0, text: String(chunk) });
          socket.destroy();
        });
        socket.write('hello');
      });
      request.on('response', (response) => {
        let text = '';
        response.on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      request.on('error', reject);
      request.end();
    });

  it('is tunnelled when the service switches', async () => {
    await gateway.reconfigure(config([{ target: one.address }]));
    expect(await upgrade('/switch')).toEqual({ status: 101, text: 'echo:hello' });
  });

  it('is answered when the service does not', async () => {
    await gateway.reconfigure(config([{ target: one.address }]));
    expect(await upgrade('')).toEqual({ status: 200, text: 'plain' });
  });
});
