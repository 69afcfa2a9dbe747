/** Sends lines to syslog (RFC 5424): UDP (RFC 5426), TCP with octet counting (RFC 6587 3.4.1), TLS (RFC 5425). */
import type { Socket as UdpSocket } from 'node:dgram';
import { isIPv6, type Socket } from 'node:net';
import { hostname } from 'node:os';
import type { Line } from '../entry/line.js';
import { reasonOf, SendFailure, type Transport } from './transport.js';

export interface SyslogSettings {
  host: string;
  port: number;
  protocol: 'udp' | 'tcp' | 'tls';
  /** 0 to 23. */
  facility: number;
  appName: string;
  /** The length of a whole message. */
  maxMessageBytes: number;
  timeoutMs: number;
  /** Certificate authorities in addition to Node's own, in PEM. */
  ca: string | undefined;
}

export function createSyslogTransport(settings: SyslogSettings): Transport {
  return settings.protocol === 'udp' ? createUdp(settings) : createStream(settings);
}

/** The machine's name in the form of RFC 5424; a dash if it has none. */
const HOST_NAME =
  hostname()
    .replace(/[^\x21-\x7e]/g, '')
    .slice(0, 255) || '-';

/** Formats a message: a header and JSON. JSON that is too long is shortened, never cut. */
export function formatMessage(line: Line, { facility, appName, maxMessageBytes }: SyslogSettings): string {
  const severity = line.status === undefined ? 5 : line.status >= 500 ? 3 : line.status >= 400 ? 4 : 6;
  const time = new Date(line.timeMs).toISOString();
  const header = `<${facility * 8 + severity}>1 ${time} ${HOST_NAME} ${appName} ${process.pid} - - `;
  return header + line.within(maxMessageBytes - Buffer.byteLength(header));
}

function createUdp(settings: SyslogSettings): Transport {
  let socket: Promise<UdpSocket> | undefined;
  const close = (): void => {
    void socket?.then((opened) => opened.close()).catch(() => {});
    socket = undefined;
  };
  return {
    maxLines: 100,
    maxBytes: 1024 * 1024,
    lingerMs: 0,
    async send(lines) {
      socket ??= openUdp(settings);
      let arrived = 0;
      try {
        const opened = await socket;
        for (const line of lines) {
          await new Promise<void>((resolve, reject) => {
            opened.send(formatMessage(line, settings), (error) => (error ? reject(error) : resolve()));
          });
          arrived++;
        }
      } catch (error) {
        close();
        throw new SendFailure(`cannot send (${reasonOf(error)})`, { remaining: lines.slice(arrived) });
      }
    },
    close,
  };
}

async function openUdp({ host, port }: SyslogSettings): Promise<UdpSocket> {
  const { createSocket } = await import('node:dgram');
  const { lookup } = await import('node:dns/promises');
  const { address } = await lookup(host);
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    socket.unref();
    socket.once('error', reject);
    socket.connect(port, address, () => {
      socket.off('error', reject);
      // UDP reports a missing server later, if at all.
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

function createStream(settings: SyslogSettings): Transport {
  let socket: Promise<Socket> | undefined;
  const close = (): void => {
    void socket?.then((opened) => opened.end()).catch(() => {});
    socket = undefined;
  };
  return {
    maxLines: 500,
    maxBytes: 1024 * 1024,
    lingerMs: 0,
    async send(lines) {
      try {
        socket ??= openStream(settings);
        const opened = await socket;
        if (opened.destroyed || !opened.writable) throw new Error('closed by the server');
        await write(opened, lines, settings);
      } catch (error) {
        void socket?.then((opened) => opened.destroy()).catch(() => {});
        socket = undefined;
        throw new SendFailure(`cannot send (${reasonOf(error)})`);
      }
    },
    close,
  };
}

function write(socket: Socket, lines: readonly Line[], settings: SyslogSettings): Promise<void> {
  const messages = lines.map((line) => {
    const message = formatMessage(line, settings);
    return `${Buffer.byteLength(message)} ${message}`;
  });
  return new Promise((resolve, reject) => {
    const end = (error?: Error | null): void => {
      clearTimeout(timer);
      socket.off('error', end);
      socket.off('close', onClose);
      if (error) reject(error);
      else resolve();
    };
    const onClose = (): void => end(new Error('closed by the server'));
    const timer = setTimeout(() => end(new Error('timeout')), settings.timeoutMs);
    socket.once('error', end);
    socket.once('close', onClose);
    socket.write(messages.join(''), end);
  });
}

async function openStream(settings: SyslogSettings): Promise<Socket> {
  const { host, port, protocol, ca, timeoutMs } = settings;
  const net = await import('node:net');
  const tls = protocol === 'tls' ? await import('node:tls') : undefined;
  return new Promise((resolve, reject) => {
    const authorities = ca === undefined || tls === undefined ? {} : { ca: [...tls.rootCertificates, ca] };
    const name = net.isIP(host) === 0 ? { servername: host } : {};
    const socket: Socket =
      tls === undefined ? net.connect({ host, port }) : tls.connect({ host, port, ...name, ...authorities });
    const timer = setTimeout(() => socket.destroy(new Error('timeout')), timeoutMs);
    socket.once('error', reject);
    socket.once('close', () => clearTimeout(timer));
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer);
      socket.off('error', reject);
      socket.on('error', () => {});
      // A syslog server sends nothing. A connection that it ends is closed.
      socket.resume();
      socket.on('end', () => socket.destroy());
      socket.unref();
      resolve(socket);
    });
  });
}
