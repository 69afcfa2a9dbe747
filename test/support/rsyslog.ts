/**
 * A real syslog server (Debian's rsyslogd) for tests, on free ports of loopback, with a configuration and a folder of its
 * own: nothing of the machine's own logging is touched. TLS needs the package rsyslog-openssl or rsyslog-gnutls; its module
 * may lie in a folder that RSYSLOG_MODULES names.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../kong/testbed/free-port.js';
import { runs } from '../../kong/testbed/runs.js';
import { waitFor } from '../../kong/testbed/wait-for.js';

const DRIVERS = ['ossl', 'gtls'] as const;

/** Undefined if rsyslogd is there; else why its tests are skipped. */
export const RSYSLOG_MISSING = runs('rsyslogd', '-v') ? undefined : 'no rsyslogd';

/** Undefined if rsyslogd can do TLS; else why its tests are skipped. */
export const RSYSLOG_TLS_MISSING =
  RSYSLOG_MISSING ??
  (tlsDriver() === undefined
    ? 'rsyslogd has no TLS (rsyslog-openssl)'
    : runs('openssl', 'version')
      ? undefined
      : 'no openssl');

/** A message as rsyslogd has parsed it. */
export interface SyslogMessage {
  /** udp, tcp or tls: by which listener it came. */
  by: string;
  pri: string;
  host: string;
  app: string;
  process: string;
  text: string;
}

export interface Rsyslog {
  ports: { udp: number; tcp: number; tls: number };
  /** The authority that has signed the server's certificate; undefined without TLS. */
  caFile: string | undefined;
  messages(by: string): SyslogMessage[];
  /** Ends the server, and lets its ports free. */
  halt(): Promise<void>;
  /** Starts it again on the same ports. */
  resume(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it and waits until it listens. */
export async function startRsyslog(): Promise<Rsyslog> {
  const folder = mkdtempSync(join(tmpdir(), 'rsyslog-'));
  const ports = { udp: await freePort(), tcp: await freePort(), tls: await freePort() };
  const driver = RSYSLOG_TLS_MISSING === undefined ? tlsDriver() : undefined;
  if (driver !== undefined) makeCertificate(folder);
  const configFile = join(folder, 'rsyslog.conf');
  writeFileSync(configFile, configuration(folder, ports, driver));
  let child: ChildProcess;
  let output = '';
  const resume = async (): Promise<void> => {
    const modules = moduleFolders().join(':');
    child = spawn('rsyslogd', ['-n', '-f', configFile, '-i', join(folder, 'pid'), '-M', modules], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        output += chunk;
      });
    }
    const streams = driver === undefined ? [ports.tcp] : [ports.tcp, ports.tls];
    await waitFor('rsyslogd listens', async () => {
      if (child.exitCode !== null) throw new Error(`rsyslogd ended: ${output}`);
      return isBound(ports.udp) && (await Promise.all(streams.map(accepts))).every((is) => is);
    });
  };
  const halt = async (): Promise<void> => {
    child.kill('SIGTERM');
    await waitFor('rsyslogd ends', () => child.exitCode !== null || child.signalCode !== null);
  };
  await resume();
  return {
    ports,
    caFile: driver === undefined ? undefined : join(folder, 'certificate.pem'),
    messages: (by) => readMessages(join(folder, 'messages')).filter((message) => message.by === by),
    halt,
    resume,
    async stop() {
      await halt();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configuration(folder: string, ports: Rsyslog['ports'], driver: string | undefined): string {
  const tls = `
    module(load="imtcp" StreamDriver.Name="${driver}" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
    input(type="imtcp" port="${ports.tls}" address="127.0.0.1" name="tls" ruleset="keep")`;
  const certificates = `
    defaultNetstreamDriverCAFile="${folder}/certificate.pem"
    defaultNetstreamDriverCertFile="${folder}/certificate.pem"
    defaultNetstreamDriverKeyFile="${folder}/key.pem"`;
  const field = (name: string, property: string): string =>
    `constant(value="\\"${name}\\":\\"") property(name="${property}" format="json") constant(value="\\"")`;
  const fields = [
    ['by', 'inputname'],
    ['pri', 'pri'],
    ['host', 'hostname'],
    ['app', 'app-name'],
    ['process', 'procid'],
    ['text', 'msg'],
  ].map(([name = '', property = '']) => field(name, property));
  return `
    global(workDirectory="${folder}" maxMessageSize="128k" ${driver === undefined ? '' : certificates})
    template(name="parsed" type="list") {
      constant(value="{")
      ${fields.join('\n      constant(value=",")\n      ')}
      constant(value="}\\n")
    }
    ruleset(name="keep") { action(type="omfile" file="${folder}/messages" template="parsed" asyncWriting="off") }
    module(load="imudp")
    input(type="imudp" port="${ports.udp}" address="127.0.0.1" name="udp" rcvbufSize="4m" ruleset="keep")
    module(load="imptcp")
    input(type="imptcp" port="${ports.tcp}" address="127.0.0.1" name="tcp" ruleset="keep")
    ${driver === undefined ? '' : tls}
    `;
}

function makeCertificate(folder: string): void {
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ...['-keyout', join(folder, 'key.pem'), '-out', join(folder, 'certificate.pem')],
    ],
    { stdio: 'pipe' },
  );
}

function readMessages(path: string): SyslogMessage[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as SyslogMessage);
}

/** Where rsyslogd's modules lie, Debian's folder first. */
function moduleFolders(): string[] {
  const debian = readdirSync('/usr/lib').map((name) => join('/usr/lib', name, 'rsyslog'));
  return [...debian, ...(process.env.RSYSLOG_MODULES?.split(':') ?? [])].filter((folder) => existsSync(folder));
}

function tlsDriver(): string | undefined {
  return DRIVERS.find((name) => moduleFolders().some((folder) => existsSync(join(folder, `lmnsd_${name}.so`))));
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** Whether a UDP port of this machine is taken (Linux: proc(5)). */
function isBound(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync('/proc/net/udp', 'utf8').includes(`0100007F:${hex} `);
}
