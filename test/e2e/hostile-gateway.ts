/**
 * What the tests on hostile requests attack: the shipped configuration, or each plugin alone on a route without anything in
 * front of it; behind both a service that records what reaches it.
 */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { KongConfig } from '../../kong/testbed/development-config.js';
import { PLUGINS } from '../../kong/testbed/plugin-servers.js';
import { exchange, type RawAnswer, type RawMessage, rawMessage } from '../support/raw-connection.js';
import { type Named, type RecordingService, startRecordingService } from '../support/recording-service.js';
import { type Gateway, PROBE, startGateway } from './gateway.js';
import { startGenesysGateway } from './genesys-gateway.js';

/** The consumers that the shipped configuration is attacked with, by what they may do: their keys. */
export const KEYS = {
  reader: 'key-of-the-reader',
  writer: 'key-of-the-writer',
  both: 'key-of-both',
  named: 'key-named',
};

/** What the plugins put into requests where they stand alone. */
export const STATIC_SECRET = 'secret-of-the-service';

export interface Attacked {
  gateway: Gateway;
  service: RecordingService;
  /** A request's bytes, with a marker of its own. */
  message(message: RawMessage): { bytes: string; marker: string };
  close(): Promise<void>;
}

/** The shipped configuration, its limits out of reach, with a route like those for Data Actions. */
export async function attackShipped(): Promise<Attacked & { token: string }> {
  const service = await startRecordingService();
  const { host } = new URL(service.url);
  const setup = await startGenesysGateway({
    withQuota: true,
    edit: (config) => {
      for (const upstream of config.upstreams) upstream.targets = [{ target: host }];
      raiseLimits(config);
      config.services.push(dataActions(service.url));
      const consumer = (name: keyof typeof KEYS, ...groups: string[]) => ({
        username: `attacking-${name}`,
        acls: groups.map((group) => ({ group })),
        keyauth_credentials: [{ key: KEYS[name] }],
      });
      config.consumers?.push(consumer('reader', 'readers'), consumer('writer', 'writers'));
      config.consumers?.push(consumer('both', 'readers', 'writers', 'crm-callers'), consumer('named', 'named'));
    },
  });
  const login = await fetch(`${setup.gateway.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
    headers: { Authorization: `Basic ${Buffer.from('demo-client:demo-secret').toString('base64')}` },
  });
  const { access_token: token } = (await login.json()) as { access_token: string };
  return {
    gateway: setup.gateway,
    service,
    token,
    message: marked,
    async close() {
      await setup.close();
      await service.close();
    },
  };
}

function raiseLimits(config: KongConfig): void {
  for (const plugin of config.services.flatMap(({ routes }) => routes).flatMap(({ plugins }) => plugins)) {
    if (plugin.name !== 'genesys-quota') continue;
    delete plugin.config.spike_arrest;
    plugin.config.limits = [{ name: 'many', limit: 1_000_000_000, window: 'hour', by: 'global' }];
  }
  for (const consumer of config.consumers ?? []) delete consumer.plugins;
}

/** As docs/data-actions.md has it. */
function dataActions(url: string): KongConfig['services'][number] {
  const plugins = [
    { name: 'key-auth', config: { key_names: ['apikey'], key_in_query: false, hide_credentials: true } },
    { name: 'acl', config: { allow: ['crm-callers'], hide_groups_header: true } },
    { name: 'request-size-limiting', config: { allowed_payload_size: 512, size_unit: 'kilobytes' } },
    { name: 'genesys-token-manager', config: { credential: 'bearer', secret: STATIC_SECRET } },
  ];
  const route = { name: 'external-crm', paths: ['~/external/crm(/|$)'], plugins };
  return { name: 'external-crm', url: `${url}/crm`, routes: [route] };
}

/** A route for each plugin, named so, with nothing else on it. */
export const ALONE = [
  'genesys-token-manager',
  'genesys-quota',
  'genesys-response-filter',
  'genesys-pii-log',
  'genesys-pii-log without request bodies',
] as const;

/** The path of a route that has one plugin. */
export const alonePath = (plugin: string): string => `/${plugin.replaceAll(' ', '-')}/`;

/** Each plugin on a route of its own. Kong reads chunked bodies, as it does wherever a size is limited. */
export async function attackAlone(): Promise<Attacked> {
  const service = await startRecordingService();
  const logDir = mkdtempSync(join(tmpdir(), 'alone-'));
  const sinks = [{ type: 'file', path: join(logDir, 'audit.log') }];
  const limits = [{ name: 'many', limit: 1_000_000_000, window: 'hour', by: 'global' }];
  const configs: Record<(typeof ALONE)[number] | 'probe' | 'nothing', Record<string, unknown> | undefined> = {
    'genesys-token-manager': { credential: 'bearer', secret: STATIC_SECRET },
    'genesys-quota': { namespace: 'alone', limits },
    'genesys-response-filter': { rules: [{ keep: ['id', 'method', 'url'] }] },
    'genesys-pii-log': { sinks },
    'genesys-pii-log without request bodies': { sinks, log_request_body: false },
    // What guards nothing shows what the gateway itself does; the probe reads bodies, and makes it buffer answers.
    probe: { access: JSON.stringify([['read-body', null]]) },
    nothing: undefined,
  };
  const routes = Object.entries(configs).map(([plugin, config]) => ({
    name: plugin.replaceAll(' ', '-'),
    paths: [alonePath(plugin)],
    plugins: config === undefined ? [] : [{ name: plugin.split(' ')[0], config }],
  }));
  const sizeLimit = { allowed_payload_size: 20, size_unit: 'megabytes', require_content_length: false };
  const gateway = await startGateway({
    config: {
      services: [{ name: 'recorded', url: service.url, routes }],
      plugins: [{ name: 'request-size-limiting', config: sizeLimit }],
    },
    plugins: [...PLUGINS, PROBE].map((plugin) =>
      plugin.name === 'genesys-pii-log' ? { ...plugin, args: ['--log-dir', logDir] } : plugin,
    ),
  });
  return {
    gateway,
    service,
    message: marked,
    async close() {
      await gateway.close();
      await service.close();
      rmSync(logDir, { recursive: true, force: true });
    },
  };
}

function marked({ lines = [], ...message }: RawMessage): { bytes: string; marker: string } {
  const marker = `marker-${randomUUID()}`;
  return { marker, bytes: rawMessage({ ...message, lines: [`X-Marker: ${marker}`, ...lines] }) };
}

/** What the service says that it answers; undefined if the answer is the gateway's. */
export function namedIn(answer: RawAnswer | undefined): Named | undefined {
  return answer?.status === 200 ? (JSON.parse(answer.body) as Named) : undefined;
}

/** The answer is the refusal of a hostile request, in Genesys' words. */
export function expectRefused(answer: RawAnswer | undefined): void {
  expect(answer?.status, answer?.body).toBe(400);
  expect(JSON.parse(answer?.body ?? '')).toEqual({
    message: expect.any(String),
    code: 'gateway.request.refused',
    status: 400,
    contextId: answer?.headers['x-kong-request-id'],
    details: [],
    errors: [],
  });
}

/**
 * Sends a request that must be refused, and then good ones, over the same connection and over another: nothing of the first
 * reaches the service, and each of the others gets its own answer.
 */
export async function expectNothingReaches(
  { gateway, service, message }: Attacked,
  hostile: string,
  good: RawMessage,
  expectAnswer: (answer: RawAnswer | undefined) => void = expectRefused,
): Promise<void> {
  service.reset();
  const [same, other] = [message(good), message(good)];
  const [refused, after] = await exchange(gateway.url, [hostile, same.bytes]);
  expectAnswer(refused);
  const [elsewhere] = await exchange(gateway.url, [other.bytes]);
  expect(namedIn(elsewhere)?.id, elsewhere?.body).toBe(other.marker);
  // It may have closed the connection of a request that it refused.
  if (after !== undefined) expect(namedIn(after)?.id, after.body).toBe(same.marker);
  const expected = after === undefined ? [other.marker] : [same.marker, other.marker];
  expect(service.requests.map(({ headers }) => headers['x-marker'])).toEqual(expected.map((marker) => [marker]));
  expect(service.unreadable).toEqual([]);
}
