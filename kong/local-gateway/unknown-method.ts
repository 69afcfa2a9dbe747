/**
 * Reads requests whose method Node's parser does not know. nginx accepts any method of capitals, `_` and `-`, so Kong's
 * plugins see such requests, and tests must send them. The parser gives up on them; their head is read here.
 */
import { IncomingMessage, METHODS } from 'node:http';
import type { Socket } from 'node:net';

const REQUEST_LINE = /^([A-Z_-]+) (\S+) HTTP\/1\.([01])$/;

/**
 * Reads the request that the parser refused.
 * @param packet the bytes received, from the request's first byte on
 * @returns undefined if nginx would refuse it too, or if the packet does not hold all of it
 */
export function readUnknownMethod(packet: Buffer, socket: Socket): IncomingMessage | undefined {
  const end = packet.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const [line = '', ...fields] = packet.subarray(0, end).toString('latin1').split('\r\n');
  const [, method, url, minor] = REQUEST_LINE.exec(line) ?? [];
  // The parser did not fail on a known method: that request was served already.
  if (method === undefined || url === undefined || METHODS.includes(method)) return undefined;
  const rawHeaders: string[] = [];
  const headers: Record<string, string> = {};
  for (const field of fields) {
    const [, name, value] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(field) ?? [];
    if (name === undefined || value === undefined) return undefined;
    rawHeaders.push(name, value);
    headers[name.toLowerCase()] = value;
  }
  const body = packet.subarray(end + 4);
  if (headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== body.length) {
    return undefined;
  }
  const request = new IncomingMessage(socket);
  Object.assign(request, { method, url, rawHeaders, headers, httpVersionMajor: 1, httpVersionMinor: Number(minor) });
  request.httpVersion = `1.${minor}`;
  if (body.length > 0) request.push(body);
  request.push(null);
  // Otherwise Node considers the request aborted, and closes the socket once it has been read.
  request.complete = true;
  return request;
}
