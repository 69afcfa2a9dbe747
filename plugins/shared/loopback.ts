/** Whether a host, as the URL parser normalises it (127.1 has become 127.0.0.1, ::1 has brackets), is this machine itself. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}
