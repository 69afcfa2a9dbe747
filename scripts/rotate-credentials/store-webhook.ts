/**
 * A store behind a webhook: whatever an operator has, such as AWS Secrets Manager or Azure Key Vault, receives signed
 * messages and does what they say. It gives nothing back, so nothing can be read from it.
 */
import { property } from '../../plugins/shared/property.js';
import type { Effects } from './effects.js';
import type { Http } from './http.js';
import { signedHeaders } from './signature.js';
import { type EntryNames, type SecretStore, toEntries } from './store.js';

export function createWebhookStore(
  { url, key }: { url: string; key: string },
  http: Http,
  names: EntryNames,
  effects: Pick<Effects, 'nowMs'>,
): SecretStore {
  /** `values` is in `stage` only; the receiver keeps them under the rotation's id. Anything but 2xx is a failure. */
  async function tell(action: string, rotationId: string | undefined, values?: Record<string, string>): Promise<void> {
    const body = {
      action,
      ...(rotationId === undefined ? {} : { rotation: rotationId }),
      ...(values === undefined ? {} : { values }),
    };
    const headers = signedHeaders(key, JSON.stringify(body), effects.nowMs());
    const answer = await http.call({ method: 'POST', url, headers, body });
    if (property(answer, 'ok') === false) throw new Error(`the webhook store refused ${action}`);
  }
  const unreadable = async (): Promise<undefined> => undefined;

  return {
    description: `webhook ${new URL(url).host}`,
    readable: false,
    check: () => tell('check', undefined),
    current: unreadable,
    stage: (rotationId, values) => tell('stage', rotationId, toEntries(values, names)),
    staged: unreadable,
    publish: (rotationId) => tell('publish', rotationId),
    restore: (rotationId) => tell('restore', rotationId),
    previous: unreadable,
    finish: (rotationId) => tell('finish', rotationId),
  };
}
