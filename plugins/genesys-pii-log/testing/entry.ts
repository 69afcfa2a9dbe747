/** For tests: Kong's entry of a request. */
export function kongEntry(overrides: Record<string, unknown> = {}): Record<string, unknown> {
  const { request, response, ...rest } = overrides as { request?: object; response?: object };
  return {
    client_ip: '203.0.113.77',
    consumer: { id: 'b1d1a8e5-0000-4000-8000-000000000001', username: 'alice', custom_id: 'crm' },
    latencies: { kong: 2, proxy: 30, request: 33, receive: 1 },
    request: {
      id: '5f0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e',
      method: 'GET',
      uri: '/api/v2/users?pageSize=25',
      size: 200,
      headers: { host: 'localhost', 'user-agent': 'test/1.0' },
      ...request,
    },
    response: { status: 200, size: 500, headers: { 'content-type': 'application/json' }, ...response },
    route: { id: 'r1', name: 'genesys-api' },
    service: { id: 's1', name: 'genesys-cloud' },
    source: 'upstream',
    started_at: 1_768_208_400_000,
    tries: [{ ip: '198.51.100.7', port: 443, balancer_latency: 0, balancer_start: 1_768_208_400_001 }],
    upstream_status: '200',
    ...rest,
  };
}
