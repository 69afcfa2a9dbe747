/**
 * The network path to a service that a plugin asks itself, such as a token endpoint: direct or through a proxy, with the
 * company's own authorities if configured. Kong gives plugin servers no environment, so HTTPS_PROXY and
 * NODE_EXTRA_CA_CERTS are fields of the configuration. Certificates are always verified.
 */
import { createHash } from 'node:crypto';
import type { Agent } from 'node:http';
import type { PeerCertificate } from 'node:tls';
import type { HttpsProxyAgent as ProxyAgentOf } from 'https-proxy-agent';
import { readAuthorities } from '../authorities.js';
import type { Host } from '../host.js';
import { ConfigError } from '../kong-schema/config-error.js';
import { isWithoutProxy } from './no-proxy.js';

type ProxyAgent = ProxyAgentOf<string>;

export interface Egress {
  /** A digest of the settings, from which no password can be read. */
  key: string;
  /** Returns the agent for node-fetch; undefined for Node's default. */
  loadAgent(): Promise<Agent | undefined>;
}

/** The fields that say how to reach a service. */
export interface EgressFields {
  proxy_url: string | undefined;
  no_proxy: readonly string[] | undefined;
  ca_file: string | undefined;
}

const DIRECT: Egress = { key: '', loadAgent: async () => undefined };

/**
 * Reads the settings, and the file of authorities.
 * @param target the URL that is asked
 * @throws ConfigError that names the field and contains no password
 */
export function readEgress(
  { proxy_url: proxyUrl, no_proxy: noProxy, ca_file: caFile }: EgressFields,
  target: URL,
  host: Pick<Host, 'secretsDirs'>,
  what = 'a token endpoint',
): Egress {
  if (noProxy !== undefined && proxyUrl === undefined) throw new ConfigError('no_proxy', 'is for proxy_url');
  if (proxyUrl === undefined && caFile === undefined) return DIRECT;
  const configured = proxyUrl === undefined ? undefined : parseProxyUrl(proxyUrl);
  const proxy = isWithoutProxy(noProxy ?? [], target) ? undefined : configured;
  if (proxy === undefined && caFile === undefined) return DIRECT;
  if (target.protocol !== 'https:') {
    throw new ConfigError(proxy === undefined ? 'ca_file' : 'proxy_url', `is for ${what} with https only`);
  }
  const ca = caFile === undefined ? undefined : readAuthorities(caFile, 'ca_file', host);
  const key = createHash('sha256')
    .update(JSON.stringify([proxy?.href, ca]))
    .digest('hex');
  let agent: Promise<Agent> | undefined;
  return {
    key,
    loadAgent() {
      agent ??= makeAgent(proxy, ca, target);
      return agent;
    },
  };
}

/** Makes the agent. Its package is loaded with the first request, as node-fetch is, to start small. */
async function makeAgent(proxy: URL | undefined, ca: string | undefined, target: URL): Promise<Agent> {
  const { rootCertificates, checkServerIdentity, TLSSocket } = await import('node:tls');
  const authorities = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  if (proxy === undefined) return new (await import('node:https')).Agent(authorities);
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  const toTarget = {
    ...authorities,
    // Otherwise a host named by its IP address would be verified by the proxy's name.
    checkServerIdentity: (_: string, certificate: PeerCertificate) =>
      checkServerIdentity(target.hostname.replace(/^\[|\]$/g, ''), certificate),
  };
  class Tunnel extends HttpsProxyAgent<string> {
    override async connect(...[request, options]: Parameters<ProxyAgent['connect']>) {
      const socket = await super.connect(request, { ...options, ...toTarget });
      // If the proxy opens no tunnel, its own answer would be read as the service's.
      if (socket instanceof TLSSocket) return socket;
      socket.destroy();
      throw Object.assign(new Error('the proxy made no tunnel'), { code: 'PROXY_REFUSED' });
    }
  }
  return new Tunnel(proxy, authorities);
}

function parseProxyUrl(text: string): URL {
  if (!URL.canParse(text)) throw new ConfigError('proxy_url', 'is not an absolute URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new ConfigError('proxy_url', 'must be http or https');
  if (url.pathname.length > 1 || url.search !== '' || url.hash !== '') {
    throw new ConfigError('proxy_url', 'must have no path');
  }
  return url;
}
