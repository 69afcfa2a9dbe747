/** What a configuration is read as, and what is refused. */
import { describe, expect, it } from 'vitest';
import { BARE_HOST } from '../shared/host.js';
import { readConfig } from './config.js';

const ORGANIZATION = '6A8E5C0E-1C5F-4F0A-9D57-3F1F0C1B6A01';
const VALID = {
  region: 'eu_central_1',
  organizations: [ORGANIZATION],
  consumers: [{ consumer: 'agent-desktop', client_id: 'APP' }],
};
const read = (changes: Record<string, unknown> = {}) => readConfig({ ...VALID, ...changes }, BARE_HOST);

it('reads ids in lower case, and times in milliseconds', () => {
  expect(read()).toMatchObject({
    api: { origin: 'https://api.mypurecloud.de' },
    admission: {
      organizationIds: new Set([ORGANIZATION.toLowerCase()]),
      rules: [{ consumer: 'agent-desktop', clientId: 'app', userId: undefined, groupId: undefined }],
    },
    policy: { cacheMs: 60_000, timeoutMs: 5000, refusedPerAddress: 30, refusedInTotal: 600 },
  });
  expect(read({ region: null, api_url: 'http://127.0.0.1:8090' }).api.origin).toBe('http://127.0.0.1:8090');
});

describe('refuses', () => {
  it.each([
    ['no region', { region: null }, 'region'],
    ['two places', { api_url: 'https://api.example.com' }, 'api_url'],
    ['http', { region: null, api_url: 'http://api.example.com' }, 'api_url'],
    ['a path', { region: null, api_url: 'https://api.example.com/api/v2' }, 'api_url'],
    ['no organisation', { organizations: [] }, 'organizations'],
    ['an organisation by its name', { organizations: ['acme'] }, 'organizations'],
    ['no consumer', { consumers: [] }, 'consumers'],
    ['a consumer without conditions', { consumers: [{ consumer: 'all' }] }, 'consumers'],
    ['results for an hour', { cache_seconds: 3600 }, 'cache_seconds'],
    ['a file of authorities without a folder for it', { ca_file: '/etc/ca.pem' }, 'ca_file'],
  ])('%s', (_, changes, field) => {
    expect(() => read(changes)).toThrow(new RegExp(`^(config\\.)?${field}`));
  });
});
