/** One request without credentials to a host: its certificate, and from which address it is reached. */
import { type Agent, type IncomingMessage, request as requestHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { TLSSocket } from 'node:tls';
import { errorCode } from '../../../plugins/shared/error-code.js';
import { type Finding, fail, ok, skip, warn } from './finding.js';

export type ProbeFacts =
  | { host: string; problem: string }
  | {
      host: string;
      /** The address of this machine on that way; of a proxy's side nothing is seen. */
      localAddress: string | undefined;
      /** Undefined without TLS. */
      certificate: CertificateFacts | undefined;
    };

export interface CertificateFacts {
  /** Why it is not trusted; undefined: it is. */
  untrusted: string | undefined;
  /** When the first of the chain expires, in milliseconds since 1970. */
  expiresAtMs: number;
  /** The names of those who signed, the nearest first. */
  issuers: string[];
}

const DAY_MS = 86_400_000;
/** Public authorities renew 30 days before the end. */
const NEAR_DAYS = 21;

/** Sends HEAD to a host. Also to one that is not trusted, as nothing secret is sent. @param agent the way there */
export async function probe(url: URL, agent: Agent | undefined, timeoutMs: number): Promise<ProbeFacts> {
  const { host } = url;
  const isTls = url.protocol === 'https:';
  // A TLS session that is taken up again shows no certificate.
  const way = agent ?? (isTls ? new HttpsAgent({ maxCachedSessions: 0 }) : undefined);
  const options = {
    method: 'HEAD',
    signal: AbortSignal.timeout(timeoutMs),
    ...(way === undefined ? {} : { agent: way }),
  };
  try {
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = isTls
        ? requestHttps(new URL(url.origin), { ...options, rejectUnauthorized: false })
        : requestHttp(new URL(url.origin), options);
      request.once('response', resolve).once('error', reject).end();
    });
    const { socket } = answer;
    const facts = { host, localAddress: socket.localAddress, certificate: certificateOf(socket) };
    answer.destroy();
    return facts;
  } catch (error) {
    const code = errorCode(error);
    return {
      host,
      problem: code === 'ABORT_ERR' || code === 'TimeoutError' ? `no answer within ${timeoutMs} ms` : code,
    };
  }
}

/** Judges the certificate. @param ofKong whether Kong makes the connection, and not a plugin */
export function judgeCertificate(facts: ProbeFacts, ofKong: boolean, nowMs: number): Finding {
  const check = 'certificate';
  const { host } = facts;
  if ('problem' in facts) {
    return fail(check, `${host} cannot be reached (${facts.problem})`, 'open DNS and firewall to it, or set proxy_url');
  }
  if (facts.certificate === undefined) return skip(check, `${host} is spoken to without TLS, on this machine`);
  const { untrusted, expiresAtMs, issuers } = facts.certificate;
  const days = Math.floor((expiresAtMs - nowMs) / DAY_MS);
  const chain = `signed by ${issuers.join(', ')}`;
  if (expiresAtMs <= nowMs)
    return fail(check, `${host}: the certificate has expired (${chain})`, 'renew it, or set this clock');
  if (untrusted !== undefined) {
    const fix = ofKong
      ? "name its authority in Kong's lua_ssl_trusted_certificate, or the service's ca_certificates"
      : 'name its authority in ca_file';
    return fail(check, `${host}: not trusted (${untrusted}; ${chain})`, fix);
  }
  if (days < NEAR_DAYS) return warn(check, `${host}: the certificate expires in ${days} days (${chain})`, 'renew it');
  return ok(check, `${host}: trusted by Node's authorities, ${days} days left (${chain})`);
}

function certificateOf(socket: unknown): CertificateFacts | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  let certificate = socket.getPeerCertificate(true);
  const issuers: string[] = [];
  let expiresAtMs = Number.POSITIVE_INFINITY;
  // The last one is its own issuer. A broken chain has none.
  for (const seen = new Set<string>(); certificate?.fingerprint256 && !seen.has(certificate.fingerprint256); ) {
    seen.add(certificate.fingerprint256);
    expiresAtMs = Math.min(expiresAtMs, Date.parse(certificate.valid_to));
    const name = certificate.issuer?.CN ?? certificate.issuer?.O;
    if (typeof name === 'string' && !issuers.includes(name)) issuers.push(name);
    certificate = certificate.issuerCertificate;
  }
  // Node's type says Error, but it is the code.
  const why: unknown = socket.authorizationError;
  const untrusted = socket.authorized ? undefined : typeof why === 'string' ? why : errorCode(why);
  return { untrusted, expiresAtMs, issuers };
}
