/** The route and service of a request that no route matches. Kong answers 404 and runs global log handlers. */
import type { RouteEntity, ServiceEntity } from './config/types.js';

export const NO_ROUTE: RouteEntity = {
  id: '',
  protocols: [],
  https_redirect_status_code: 426,
  regex_priority: 0,
  strip_path: false,
  preserve_host: false,
  request_buffering: true,
  response_buffering: true,
  path_handling: 'v0',
  created_at: 0,
  updated_at: 0,
};

export const NO_SERVICE: ServiceEntity = {
  id: '',
  protocol: 'http',
  host: '',
  port: 0,
  retries: 0,
  connect_timeout: 0,
  write_timeout: 0,
  read_timeout: 0,
  enabled: true,
  created_at: 0,
  updated_at: 0,
};
