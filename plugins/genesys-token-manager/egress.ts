/**
 * The way to the token endpoint: straight, through a proxy, with authorities of the company's own. Kong gives a plugin
 * server no environment, so HTTPS_PROXY and NODE_EXTRA_CA_CERTS are settings here. Certificates are always verified.
 */
import { createHash, X509Certificate } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import type { Agent } from 'node:http';
import type { PeerCertificate } from 'node:tls';
import type { HttpsProxyAgent as ProxyAgentOf } from 'https-proxy-agent';
import { configError } from '../shared/config.js';

type ProxyAgent = ProxyAgentOf<string>;

export interface Egress {
  /** A digest over the settings; it holds no password that could be read back. */
  key: string;
  /** For node-fetch; undefined for Node's own. */
  loadAgent(): Promise<Agent | undefined>;
}

/** All authorities of a distribution fit. */
const MAX_CA_FILE_BYTES = 4_194_304;

const DIRECT: Egress = { key: '', loadAgent: async () => undefined };

/**
 * Reads the settings, and the file of authorities.
 * @throws Error of one line that names the field and holds no password
 */
export function readEgress(proxyUrl: string | undefined, caFile: string | undefined, tokenUrl: URL): Egress {
  if (proxyUrl === undefined && caFile === undefined) return DIRECT;
  if (tokenUrl.protocol !== 'https:') {
    throw configError(proxyUrl === undefined ? 'ca_file' : 'proxy_url', 'is for a token endpoint with https only');
  }
  const proxy = proxyUrl === undefined ? undefined : parseProxyUrl(proxyUrl);
  const ca = caFile === undefined ? undefined : readAuthorities(caFile);
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

/** Loaded with the first token request, as node-fetch is: a process must start small. */
async function makeAgent(proxy: URL | undefined, ca: string | undefined, tokenUrl: URL): Promise<Agent> {
  const { rootCertificates, checkServerIdentity, TLSSocket } = await import('node:tls');
  const authorities = ca === undefined ? {} : { ca: [...rootCertificates, ca] };
  if (proxy === undefined) return new (await import('node:https')).Agent(authorities);
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  const toLogin = {
    ...authorities,
    // Without it, login named by an IP address would be checked by the proxy's name.
    checkServerIdentity: (_: string, certificate: PeerCertificate) =>
      checkServerIdentity(tokenUrl.hostname.replace(/^\[|\]$/g, ''), certificate),
  };
  class Tunnel extends HttpsProxyAgent<string> {
    override async connect(...[request, options]: Parameters<ProxyAgent['connect']>) {
      const socket = await super.connect(request, { ...options, ...toLogin });
      // What the proxy itself answers when it makes no tunnel would be read as if it came from login.
      if (socket instanceof TLSSocket) return socket;
      socket.destroy();
      throw Object.assign(new Error('the proxy made no tunnel'), { code: 'PROXY_REFUSED' });
    }
  }
  return new Tunnel(proxy, authorities);
}

function parseProxyUrl(text: string): URL {
  if (!URL.canParse(text)) throw configError('proxy_url', 'is not an absolute URL');
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw configError('proxy_url', 'must be http or https');
  if (url.pathname.length > 1 || url.search !== '' || url.hash !== '') {
    throw configError('proxy_url', 'must have no path');
  }
  return url;
}

function readAuthorities(file: string): string {
  const fail = (problem: string): Error => configError('ca_file', `is ${JSON.stringify(file)}, which ${problem}`);
  if (!file.startsWith('/')) throw fail('is not an absolute path');
  let descriptor: number;
  try {
    // Not blocked by a pipe.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    throw fail(`cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > MAX_CA_FILE_BYTES) throw fail('is not a file of certificates');
    const bytes = Buffer.alloc(stats.size);
    const pem = bytes.toString('latin1', 0, readSync(descriptor, bytes));
    // Node would take a broken certificate for none, and then refuse every login.
    const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
    if (certificates.length === 0) throw fail('holds no certificate in PEM');
    for (const certificate of certificates) {
      try {
        new X509Certificate(certificate);
      } catch {
        throw fail('holds a certificate that cannot be read');
      }
    }
    return certificates.join('\n');
  } finally {
    closeSync(descriptor);
  }
}
