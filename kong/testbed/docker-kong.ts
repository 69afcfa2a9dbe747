/**
 * Runs Kong in a container of kong/Dockerfile's image, on this machine's loopback. Needs an engine that testcontainers
 * finds, and Linux: Docker Desktop shares its host's network only if that is enabled in its settings.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { containerSettings, DECLARATIVE_CONFIG, dockerfileArguments } from './docker-kong-settings.js';
import { freePort } from './free-port.js';
import type { Declarative, NativeKongOptions } from './native-kong.js';

export interface DockerKong {
  url: string;
  adminUrl: string;
  /** What the container has printed so far. */
  errorLog(): string;
  close(): Promise<void>;
}

/** The image of this run. Its tag lets the next run reuse the layers. */
const IMAGE = 'kong-genesys-cloud-e2e:latest';
const START_TIMEOUT_MS = 150_000;
const STOP_TIMEOUT_MS = 40_000;

/** Returns undefined if this machine has a container engine, otherwise why no container can run. */
export async function dockerMissing(): Promise<string | undefined> {
  // Loaded here and below: it takes more than a second, and no other gateway should wait for it.
  const { getContainerRuntimeClient } = await import('testcontainers');
  try {
    const { host } = (await getContainerRuntimeClient()).info.containerRuntime;
    return host === 'localhost' ? undefined : `the container engine is at ${host}, not on this machine`;
  } catch {
    return 'no container engine answers';
  }
}

/** Builds the image as `docker build --file kong/Dockerfile .` does. @throws Error in the engine's words */
export async function buildKongImage(): Promise<void> {
  const { GenericContainer } = await import('testcontainers');
  const root = process.cwd();
  const buildArguments = dockerfileArguments(readFileSync(resolve(root, 'kong/Dockerfile'), 'utf8'));
  await GenericContainer.fromDockerfile(root, 'kong/Dockerfile')
    .withBuildArgs(buildArguments)
    .withBuildkit()
    .build(IMAGE, { deleteOnExit: false });
}

/**
 * Starts Kong and waits until it serves its configuration.
 * @throws Error with what Kong printed, if it does not
 */
export async function startDockerKong(options: NativeKongOptions): Promise<DockerKong> {
  const { GenericContainer } = await import('testcontainers');
  const ports = { proxy: options.port || (await freePort()), admin: await freePort(), status: await freePort() };
  const { environment, user, folders } = containerSettings(options, ports, testUser());
  const declarative: Declarative = { _format_version: '3.0', ...options.config };
  const lines: string[] = [];
  let ended = false;
  const definition = new GenericContainer(IMAGE)
    .withNetworkMode('host')
    .withSecurityOpt('no-new-privileges:true')
    .withEnvironment(environment)
    // Readable to Kong's user, whose number is the image's. It holds test data only.
    .withCopyContentToContainer([{ content: JSON.stringify(declarative), target: DECLARATIVE_CONFIG, mode: 0o644 }])
    .withBindMounts(folders.map((folder) => ({ source: folder, target: folder, mode: 'rw' })))
    .withLogConsumer((stream) => {
      createInterface({ input: stream }).on('line', (line) => lines.push(line));
      stream.on('end', () => {
        ended = true;
      });
    });
  if (user !== undefined) definition.withUser(user);
  // As docker-compose.yml runs it. Kong itself changes owners of files when it is root.
  if (!user?.startsWith('0:')) definition.withDroppedCapabilities('ALL');
  const container = await definition.start();
  const giveUpAt = performance.now() + START_TIMEOUT_MS;
  while (!(await isReady(`http://127.0.0.1:${ports.status}`))) {
    if (ended || performance.now() > giveUpAt) {
      await container.stop();
      throw new Error(`Kong ${ended ? 'ended' : 'is not ready'}:\n${lines.join('\n')}`);
    }
    await sleep(100);
  }
  return {
    url: `http://127.0.0.1:${ports.proxy}`,
    adminUrl: `http://127.0.0.1:${ports.admin}`,
    errorLog: () => lines.join('\n'),
    async close() {
      await container.stop({ timeout: STOP_TIMEOUT_MS });
    },
  };
}

/** Returns true once every worker has the configuration. Kong listens before that. */
async function isReady(statusUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${statusUrl}/status/ready`, { signal: AbortSignal.timeout(2000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

function testUser(): string | undefined {
  const [uid, gid] = [process.getuid?.(), process.getgid?.()];
  return uid === undefined || gid === undefined ? undefined : `${uid}:${gid}`;
}
