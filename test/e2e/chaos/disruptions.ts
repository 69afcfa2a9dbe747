/** What is broken, one after the other: every process killed, stopped and slowed, every service refusing, slow, failing and silent. */

import { byProcess, PLUGINS } from '../../../kong/testbed/plugin-servers.js';
import { childrenOf } from '../../../kong/testbed/processes.js';
import { waitFor } from '../../../kong/testbed/wait-for.js';
import { GATEWAY_KIND } from '../gateway.js';
import { READ_TIMEOUT_MS, type Region, type Surroundings } from './surroundings.js';

/** One thing to break. */
export interface Breaking {
  name: string;
  begin(): void | Promise<void>;
  /** Puts it in order. Resolves when the process is back. */
  end(): void | Promise<void>;
  /** Resolves when all is as before, later than service must be back. */
  settle?(): Promise<void>;
  /** How long it stays broken. */
  holdMs: number;
  /** How long service may take to return after that. */
  backWithinMs: number;
  /** See invariants.ts. */
  losesAnswers?: boolean;
  cutsConnections?: boolean;
}

const IS_LONG = Boolean(process.env.LONG);
const HOLD_MS = IS_LONG ? 3000 : 400;
/** Long enough that the tokens of the short-lived client die, which live 1 s. */
const LOGIN_HOLD_MS = IS_LONG ? 5000 : 1200;
/** Longer than Kong waits for a service. */
const SILENCE_MS = READ_TIMEOUT_MS + 500;
/** The promise for every process. */
const BACK_MS = 2000;
/**
 * Kong's own: a request that finds a dead connection in Kong's pool while it starts an instance leaves its claim behind, and
 * all others wait for that claim this long (kong/runloop/plugin_servers/plugin.lua, WAIT_TIME).
 */
export const KONG_CLAIM_MS = GATEWAY_KIND === 'local' ? 0 : 10_000;
/** genesys-token-manager remembers a login that failed for so long at most (its README, "When login fails"). */
const LOGIN_MEMORY_MS = 10_000;
/** A slowed process runs for 10 ms of each 50. */
const SLOW = { stoppedMs: 40, runningMs: 10 };
/** New plugin servers start, and those of the killed worker notice, drain, write what waits, and leave. */
const TAKEOVER_MS = 60_000;

/** Plugins with a response phase: if one dies when the service has answered, the answer is lost (docs/limits.md). */
const WITH_RESPONSE_PHASE = ['genesys-pii-log', 'genesys-response-filter'];

/** A pulse of SIGSTOP and SIGCONT. */
function slowDown(signal: (name: 'SIGSTOP' | 'SIGCONT') => void): () => void {
  let timer: NodeJS.Timeout;
  const stop = (): void => {
    signal('SIGSTOP');
    timer = setTimeout(run, SLOW.stoppedMs);
  };
  const run = (): void => {
    signal('SIGCONT');
    timer = setTimeout(stop, SLOW.runningMs);
  };
  stop();
  return () => {
    clearTimeout(timer);
    signal('SIGCONT');
  };
}

/** All of them, in the order in which they happen. */
export function breakings(surroundings: Surroundings): Breaking[] {
  const { eu, us, gateway } = surroundings;
  return [
    ...byProcess(PLUGINS).flatMap((names) => ofPluginServer(surroundings, names)),
    ...ofRedis(surroundings),
    ...ofApi(surroundings, eu),
    ...(IS_LONG ? ofApi(surroundings, us) : []),
    ...ofLogin(surroundings, eu),
    ...(IS_LONG ? ofLogin(surroundings, us) : []),
    ...(gateway.kind === 'kong' ? [...ofWorker(surroundings, 'keeping'), ...ofWorker(surroundings, 'other')] : []),
  ];
}

/** @param plugins those that the process serves */
function ofPluginServer({ gateway }: Surroundings, plugins: string[]): Breaking[] {
  const plugin = plugins.join(', ');
  const pids = (): number[] => gateway.pluginServerPids(plugins[0] ?? '');
  const signal = (name: NodeJS.Signals): void => {
    for (const pid of pids()) process.kill(pid, name);
  };
  let killed: number[] = [];
  let recover = (): void => {};
  const common = { holdMs: HOLD_MS, backWithinMs: BACK_MS };
  return [
    {
      ...common,
      name: `${plugin} killed`,
      holdMs: 0,
      backWithinMs: BACK_MS + KONG_CLAIM_MS,
      losesAnswers: WITH_RESPONSE_PHASE.some((name) => plugins.includes(name)),
      begin: () => {
        killed = pids();
        signal('SIGKILL');
      },
      // The gateway respawns it at most once a second.
      end: async () => {
        await waitFor(`another ${plugin}`, () => pids().some((pid) => !killed.includes(pid)));
      },
    },
    { ...common, name: `${plugin} stopped`, begin: () => signal('SIGSTOP'), end: () => signal('SIGCONT') },
    {
      ...common,
      name: `${plugin} slowed`,
      begin: () => {
        recover = slowDown(signal);
      },
      end: () => recover(),
    },
  ];
}

function ofRedis({ redis }: Surroundings): Breaking[] {
  const common = { holdMs: HOLD_MS, backWithinMs: BACK_MS };
  let recover = (): void => {};
  return [
    { ...common, name: 'Redis killed', begin: () => redis.signal('SIGKILL'), end: () => redis.restart() },
    {
      ...common,
      name: 'Redis stopped',
      begin: () => redis.signal('SIGSTOP'),
      end: () => redis.signal('SIGCONT'),
    },
    {
      ...common,
      name: 'Redis slowed',
      begin: () => {
        recover = slowDown(redis.signal);
      },
      end: () => recover(),
    },
  ];
}

function ofApi({ mend }: Surroundings, region: Region): Breaking[] {
  const { control } = region.cloud;
  const common = { holdMs: HOLD_MS, backWithinMs: BACK_MS, end: () => mend(region) };
  return [
    // What the service has answered when its connections break never arrives.
    {
      ...common,
      name: `API of ${region.name} refuses connections`,
      losesAnswers: true,
      begin: () => region.api.refuse(),
    },
    {
      ...common,
      name: `API of ${region.name} slow`,
      begin: () => control.setFault('api', { latencyMs: { min: 50, max: 300 } }),
    },
    { ...common, name: `API of ${region.name} answers 503`, begin: () => control.setFault('api', { status: 503 }) },
    { ...common, name: `API of ${region.name} drops requests`, begin: () => control.setFault('api', { drop: true }) },
    {
      ...common,
      name: `API of ${region.name} silent`,
      holdMs: SILENCE_MS,
      begin: () => control.setFault('api', { hang: true }),
    },
  ];
}

function ofLogin({ mend }: Surroundings, region: Region): Breaking[] {
  const { control } = region.cloud;
  const common = { holdMs: LOGIN_HOLD_MS, backWithinMs: BACK_MS + LOGIN_MEMORY_MS, end: () => mend(region) };
  return [
    { ...common, name: `login of ${region.name} refuses connections`, begin: () => region.login.refuse() },
    {
      ...common,
      name: `login of ${region.name} slow`,
      begin: () => control.setFault('login', { latencyMs: { min: 200, max: 600 } }),
    },
    { ...common, name: `login of ${region.name} answers 503`, begin: () => control.setFault('login', { status: 503 }) },
  ];
}

/** @param which the worker that started the plugin servers and keeps them, or one that does not */
function ofWorker({ gateway }: Surroundings, which: 'keeping' | 'other'): Breaking[] {
  const keeps = (worker: number): boolean =>
    childrenOf(worker).some((pid) => PLUGINS.some(({ name }) => gateway.pluginServerPids(name).includes(pid)));
  const pid = (): number => {
    const found = gateway.workerPids().find((worker) => keeps(worker) === (which === 'keeping'));
    if (found === undefined) throw new Error(`there is no ${which} worker`);
    return found;
  };
  const pluginServers = (): number[] => byProcess(PLUGINS).flatMap(([name = '']) => gateway.pluginServerPids(name));
  let worker = 0;
  let before: number[] = [];
  let orphans: number[] = [];
  let recover = (): void => {};
  const common = { holdMs: HOLD_MS, backWithinMs: BACK_MS };
  return [
    {
      ...common,
      name: `${which} worker stopped`,
      begin: () => {
        worker = pid();
        process.kill(worker, 'SIGSTOP');
      },
      end: () => void process.kill(worker, 'SIGCONT'),
    },
    {
      ...common,
      name: `${which} worker slowed`,
      begin: () => {
        worker = pid();
        recover = slowDown((signal) => void process.kill(worker, signal));
      },
      end: () => recover(),
    },
    {
      ...common,
      name: `${which} worker killed`,
      holdMs: 0,
      backWithinMs: BACK_MS + KONG_CLAIM_MS,
      cutsConnections: true,
      // The plugin servers that it kept make room for others, which may take what they had under way.
      losesAnswers: which === 'keeping',
      begin: () => {
        worker = pid();
        before = gateway.workerPids();
        orphans = which === 'keeping' ? pluginServers() : [];
        process.kill(worker, 'SIGKILL');
      },
      end: async () => {
        await waitFor('another worker', () => {
          const workers = gateway.workerPids();
          return workers.length === before.length && !workers.includes(worker);
        });
      },
      settle: async () => {
        await waitFor(
          'the plugin servers, kept by the new worker',
          () => {
            const running = pluginServers();
            return running.length === byProcess(PLUGINS).length && !running.some((one) => orphans.includes(one));
          },
          TAKEOVER_MS,
        );
      },
    },
  ];
}
