import { describe, expect, it } from 'vitest';
import { countCredentials, withCredential, withoutCredentials } from './declarative.js';

const FILE = `# The gateway
_format_version: "3.0"
consumers:
  # of the CRM
  - username: svc-crm
    keyauth_credentials:
      - key: old-key
    basicauth_credentials:
      - username: crm
        password: old-password
  - username: svc-demo
    keyauth_credentials:
      - key: demo-key
`;

describe("a consumer's credentials in a declarative file", () => {
  it('are two for a while, then the new one only; all else stays', () => {
    const both = withCredential(FILE, 'svc-crm', 'key-auth', 'r1', { key: 'new-key' });
    expect(countCredentials(both, 'svc-crm', 'key-auth', 'r1')).toEqual({ own: 1, others: 1 });
    expect(withCredential(both, 'svc-crm', 'key-auth', 'r1', { key: 'new-key' })).toBe(both);
    const after = withoutCredentials(both, 'svc-crm', 'key-auth', 'r1', 'others');
    expect(after).toBe(
      FILE.replace('      - key: old-key\n', '      - key: new-key\n        tags:\n          - rotation-r1\n'),
    );
    expect(withoutCredentials(both, 'svc-crm', 'key-auth', 'r1', 'own')).toBe(FILE);
  });

  it('of basic-auth are user name and password', () => {
    const both = withCredential(FILE, 'svc-crm', 'basic-auth', 'r1', { username: 'crm-2', password: 'new' });
    expect(both).toContain('        password: old-password\n      - username: crm-2\n        password: new\n');
  });

  it('that are not there are said to be missing', () => {
    const failure = (text: string, consumer: string) => () => countCredentials(text, consumer, 'key-auth', 'r1');
    expect(failure(FILE, 'nobody')).toThrow(expect.objectContaining({ failure: 'TARGET_NOT_FOUND' }));
    expect(() => countCredentials(FILE, 'svc-demo', 'basic-auth', 'r1')).toThrow(/has no basic-auth credential/);
    expect(failure('services: []\n', 'x')).toThrow(expect.objectContaining({ failure: 'INVENTORY_EMPTY' }));
  });
});
