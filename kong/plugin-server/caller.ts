/** Who sends a request to a port that has no password: a program of this machine, a page that the port served, or others. */
import type { IncomingMessage } from 'node:http';
import { isLoopback } from '../../plugins/shared/loopback.js';

export interface Caller {
  /** By its address, and by the name that it called us. With DNS rebinding, a page chooses what it sends as Host. */
  isOfThisMachine: boolean;
  /** A browser sends Origin with every POST, and with what a page asks of another address. */
  page: 'none' | 'own' | 'foreign';
}

export function callerOf({ headers: { host = '', origin }, socket: { remoteAddress = '' } }: IncomingMessage): Caller {
  const isOfThisMachine = isLoopback(host.replace(/:\d+$/, '')) && isLoopbackAddress(remoteAddress);
  if (origin === undefined) return { isOfThisMachine, page: 'none' };
  return { isOfThisMachine, page: isOfThisMachine && origin === `http://${host}` ? 'own' : 'foreign' };
}

/** IPv4 has a prefix where the port also listens for IPv6. */
function isLoopbackAddress(address: string): boolean {
  return address === '::1' || isLoopback(address.replace(/^::ffff:/, ''));
}
