/** Returns whether a host is this machine. The URL parser has normalised it: 127.1 is 127.0.0.1, ::1 has brackets. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
