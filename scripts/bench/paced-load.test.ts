/** The load of the soak against a server of Node: what it counts, and that it goes on where a connection ends as announced. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { type PacedLoad, startPacedLoad } from './paced-load.js';

let server: Server;
let load: PacedLoad;
let connections = 0;
beforeEach(async () => {
  connections = 0;
  server = createServer((request, response) => {
    if (request.url === '/chunks') response.write('o');
    response.end(request.url === '/chunks' ? 'k' : 'ok');
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  await load.stop();
  server.close();
});

function start(wanted = 'ok'): void {
  const probe = (path: string) => ({
    name: path,
    path,
    headers: {},
    status: 200,
    accepts: (body: string) => body === wanted,
  });
  const { port } = server.address() as AddressInfo;
  load = startPacedLoad(`http://127.0.0.1:${port}`, [probe('/'), probe('/chunks')], 2);
}

/** Until so many answers have come. */
async function counted(atLeast: number): Promise<{ requests: number; wrongCount: number }> {
  const sum = { requests: 0, wrongCount: 0 };
  await waitFor(`${atLeast} answers`, () => {
    const { requests, wrongCount } = load.take();
    sum.requests += requests;
    sum.wrongCount += wrongCount;
    return sum.requests >= atLeast;
  });
  return sum;
}

it('opens a connection anew after the answer that ends it, and calls nothing wrong', async () => {
  server.maxRequestsPerSocket = 5;
  start();
  const { requests, wrongCount } = await counted(100);
  expect(wrongCount).toBe(0);
  expect(connections).toBeGreaterThanOrEqual(Math.floor(requests / 5));
});

it('counts every answer that is not as it should be', async () => {
  start('otherwise');
  const { requests, wrongCount } = await counted(100);
  expect(wrongCount).toBe(requests);
});
