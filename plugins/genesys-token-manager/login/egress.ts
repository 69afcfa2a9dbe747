/**
 * The network path to the token endpoint: direct or through a proxy, with the company's own authorities if configured.
 * Kong gives plugin servers no environment, so HTTPS_PROXY and NODE_EXTRA_CA_CERTS are fields here. Certificates are
 * always verified.
 */
import { createHash } from 'node:crypto';
import type { Agent } from 'node:http';
import type { PeerCertificate } from 'node:tls';
import type { HttpsProxyAgent as ProxyAgentOf } from 'https-proxy-agent';
import { readAuthorities } from '../../shared/authorities.js';
import type { Host } from '../../shared/host.js';
import { ConfigError } from '../../shared/kong-schema/config-error.js';
import type { RawConfig } from '../schema.js';
import { isWithoutProxy } from './no-proxy.js';

type ProxyAgent = ProxyAgentOf<string>;

export interface Egress {
  /** A digest of the settings, from which no password can be read. */
  key: string;
  /** Returns the agent for node-fetch; undefined for Node's default. */
  loadAgent(): Promise<Agent | undefined>;
}

/** The fields that say how to reach the token endpoint. */
export type EgressFields = Pick<RawConfig, 'proxy_url' | 'no_proxy' | 'ca_file'>;

const DIRECT: Egress = { key: '', loadAgent: async () => undefined };

/**
 * Reads the settings, and the file of authorities.
 * @throws ConfigError that names the field and contains no password
 */
export function readEgress(
  { proxy_url: proxyUrl, no_proxy: noProxy, ca_file: caFile }: EgressFields,
  tokenUrl: URL,
  host: Pick<Host, 'secretsDirs'>,
): Egress {
  if (noProxy !== undefined && proxyUrl === undefined) throw new ConfigError('no_proxy', 'is for proxy_url');
  if (proxyUrl === undefined && caFile === undefined) return DIRECT;
  const configured = proxyUrl === undefined ? undefined : parseProxyUrl(proxyUrl);
  const proxy = isWithoutProxy(noProxy ?? [], tokenUrl) ? undefined : configured;
  if (proxy === undefined && caFile === undefined) return DIRECT;
  if (tokenUrl.protocol !== 'https:') {
    throw new ConfigError(proxy === undefined ? 'ca_file' : 'proxy_url', 'is for a token endpoint with https only');
  }
  const ca = caFile === undefined ? undefined : readAuthorities(caFile, 'ca_file', host);
  const key = createHash('sha256')
    .update(JSON.stringify([proxy?.href, ca]))
    .digest('hex');
  let agent: Promise<Agent> | undefined;
  return {
    key,
    loadAgent() {
      agent ??= makeAgent(proxy, ca, tokenUrl);
      return agent;
    },
  };
}

/** Makes the agent. Its package is loaded with the first token request, as node-fetch is, to start small. */
async function makeAgent(proxy: URL | undefined, ca: string | undefined, tokenUrl: URL): Promise<Agent> {
  const { rootCertificates, checkServerIdentity, TLSSocket } = await import('node:tls');
  const authorities = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  if (proxy === undefined) return new (await import('node:https')).Agent(authorities);
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  const toLogin = {
    ...authorities,
    // Otherwise a login host named by its IP address would be verified by the proxy's name.
    checkServerIdentity: (_: string, certificate: PeerCertificate) =>
      checkServerIdentity(tokenUrl.hostname.replace(/^\[|\]$/g, ''), certificate),
  };
  class Tunnel extends HttpsProxyAgent<string> {
    override async connect(...[request, options]: Parameters<ProxyAgent['connect']>) {
      const socket = await super.connect(request, { ...options, ...toLogin });
      // If the proxy opens no tunnel, its own answer would be read as login's.
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
