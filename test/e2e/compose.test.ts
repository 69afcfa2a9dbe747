/**
 * docker-compose.yml with all its profiles, on an engine: it comes up and answers, each container can be restarted alone,
 * and it stops without the loss of a request or of an entry of the audit log.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../kong/testbed/free-port.js';
import { runs } from '../../kong/testbed/runs.js';
import { unless } from '../../kong/testbed/unless.js';
import { waitFor } from '../../kong/testbed/wait-for.js';
import { GATEWAY_KIND } from './gateway.js';

const MISSING =
  GATEWAY_KIND !== 'docker'
    ? 'needs --gateway docker'
    : runs('docker', 'compose', 'version')
      ? undefined
      : 'no docker compose';

const run = promisify(execFile);
const MINUTES = 60_000;
const REQUESTS = 20;
/** Longer than what is between the first request and the signal to stop, and shorter than the routes' `read_timeout`. */
const LATENCY_MS = { min: 5000, max: 9000 };
const SLOW = JSON.stringify({ target: 'api', fault: { latencyMs: LATENCY_MS } });
const USERS = '/api/v2/users?pageSize=1';
const IN_WORK = `fetch('http://127.0.0.1:8090/_control/counts').then(async (r) => console.log((await r.json()).inFlight))`;

describe('docker-compose.yml', unless(MISSING), () => {
  // Without the file's name, Compose would take what stops first from the containers, and --no-deps has left that out.
  const file = ['--file', 'docker-compose.yml', '--project-name', 'kong-genesys-cloud-e2e'];
  const project = ['compose', ...file, '--profile', 'postgres'];
  const ports: Record<string, number> = {};
  const compose = async (...args: string[]): Promise<string> => {
    const { stdout } = await run('docker', [...project, ...args], {
      env: { ...process.env, GATEWAY_PORT: String(ports.kong), POSTGRES_GATEWAY_PORT: String(ports['kong-postgres']) },
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  };
  const ask = (gateway: string, path = USERS, apikey = 'demo-key'): Promise<Response> =>
    fetch(`http://127.0.0.1:${ports[gateway]}${path}`, { headers: { apikey, Connection: 'close' } });
  const status = async (gateway: string, key?: string): Promise<number> => {
    const response = await ask(gateway, USERS, key);
    await response.arrayBuffer();
    return response.status;
  };
  const evaluate = (service: string, script: string): Promise<string> =>
    compose('exec', '--no-TTY', service, 'node', '-e', script);

  beforeAll(async () => {
    ports.kong = await freePort();
    ports['kong-postgres'] = await freePort();
    await compose('up', '--build', '--wait', '--quiet-pull');
  }, 15 * MINUTES);
  afterAll(() => (MISSING === undefined ? compose('down', '--volumes', '--timeout', '10') : undefined), 5 * MINUTES);

  it.each(['kong', 'kong-postgres'])('%s answers, and refuses who has no key', async (gateway) => {
    expect([await status(gateway), await status(gateway, 'wrong')]).toEqual([200, 401]);
  });

  it.each([
    ['kong', 'redis'],
    ['kong', 'simulator'],
    ['kong', 'plugins'],
    ['kong', 'kong'],
    ['kong-postgres', 'postgres'],
    ['kong-postgres', 'simulator-postgres'],
    ['kong-postgres', 'kong-postgres'],
  ])(
    '%s answers again when %s was restarted, and when it was killed',
    async (gateway, service) => {
      const answers = (): Promise<boolean> =>
        status(gateway).then(
          (code) => code === 200,
          () => false,
        );
      await compose('restart', '--no-deps', service);
      await waitFor('an answer', answers, 3 * MINUTES);
      await compose('kill', service);
      await compose('up', '--wait', '--no-deps', service);
      await waitFor('an answer', answers, 3 * MINUTES);
    },
    10 * MINUTES,
  );

  it.each([
    ['kong', 'simulator', 'plugins'],
    ['kong-postgres', 'simulator-postgres', 'kong-postgres'],
  ])(
    `%s stops when it has answered ${REQUESTS} requests and logged them`,
    async (gateway, simulator, plugins) => {
      await evaluate(simulator, `fetch('http://127.0.0.1:8090/_control/faults', { method: 'POST', body: '${SLOW}' })`);

      const sent = Array.from({ length: REQUESTS }, async () => {
        const response = await ask(gateway);
        await response.arrayBuffer();
        return { status: response.status, id: response.headers.get('x-kong-request-id') };
      });
      await waitFor('all requests', async () => Number(await evaluate(simulator, IN_WORK)) === REQUESTS, MINUTES);
      const [answers] = await Promise.all([Promise.all(sent), compose('stop', gateway, plugins)]);
      const reasons = (await compose('logs', gateway, plugins)).match(/^.*(?:\[(?:error|crit)\]|finishing|still).*$/gm);
      expect(
        answers.map((answer) => answer.status),
        reasons?.slice(-20).join('\n'),
      ).toEqual(Array(REQUESTS).fill(200));
      const log = await compose('logs', '--no-log-prefix', plugins);
      for (const { id } of answers) expect(log.split(`"request_id":"${id}"`)).toHaveLength(2);
      const ended = await compose('ps', '--all', '--format', '{{.Service}} {{.ExitCode}}', gateway, plugins);
      expect(ended.trim().split('\n').sort()).toEqual([...new Set([gateway, plugins])].sort().map((one) => `${one} 0`));
    },
    10 * MINUTES,
  );
});
