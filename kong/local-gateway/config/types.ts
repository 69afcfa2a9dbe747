/** The entities of a checked declarative configuration, with every default filled in. */

export interface ServiceEntity {
  id: string;
  name?: string;
  protocol: 'http' | 'https';
  host: string;
  port: number;
  path?: string;
  retries: number;
  /** Milliseconds, like the next two. */
  connect_timeout: number;
  write_timeout: number;
  read_timeout: number;
  enabled: boolean;
  tls_verify?: boolean;
  /** Ids of the only trusted authorities, and their certificates in PEM. */
  ca_certificates?: string[];
  authorities?: string[];
  tags?: string[];
  created_at: number;
  updated_at: number;
}

export interface RouteEntity {
  id: string;
  name?: string;
  protocols: string[];
  methods?: string[];
  hosts?: string[];
  paths?: string[];
  headers?: Record<string, string[]>;
  https_redirect_status_code: number;
  regex_priority: number;
  strip_path: boolean;
  preserve_host: boolean;
  request_buffering: boolean;
  response_buffering: boolean;
  path_handling: 'v0' | 'v1';
  tags?: string[];
  created_at: number;
  updated_at: number;
  service?: { id: string };
}

export interface TargetEntity {
  id: string;
  target: string;
  /** The host and port of `target`. */
  host: string;
  port: number;
  weight: number;
}

export interface ActiveChecks {
  type: 'tcp' | 'http' | 'https';
  /** Seconds. */
  timeout: number;
  concurrency: number;
  http_path: string;
  https_verify_certificate: boolean;
  https_sni?: string;
  headers?: Record<string, string[]>;
  healthy: { interval: number; http_statuses: number[]; successes: number };
  unhealthy: {
    interval: number;
    http_statuses: number[];
    tcp_failures: number;
    timeouts: number;
    http_failures: number;
  };
}

export interface PassiveChecks {
  healthy: { http_statuses: number[]; successes: number };
  unhealthy: { http_statuses: number[]; tcp_failures: number; timeouts: number; http_failures: number };
}

export interface UpstreamEntity {
  id: string;
  name: string;
  host_header?: string;
  healthchecks: { threshold: number; active: ActiveChecks; passive: PassiveChecks };
  targets: TargetEntity[];
}

export interface ConsumerEntity {
  id: string;
  username?: string;
  custom_id?: string;
  tags?: string[];
  created_at: number;
  updated_at: number;
}

/** A credential of any kind. It is looked up by the key of its map. */
export interface CredentialEntity {
  id: string;
  consumer: { id: string };
}
export interface BasicCredential extends CredentialEntity {
  username: string;
  /** Hex SHA-1 of the password and the consumer's id, as Kong stores it. */
  password: string;
}
export interface KeyCredential extends CredentialEntity {
  key: string;
}
export interface JwtCredential extends CredentialEntity {
  key: string;
  algorithm: string;
  secret?: string;
  rsa_public_key?: string;
}

export interface PluginEntity {
  id: string;
  name: string;
  instance_name?: string;
  enabled: boolean;
  config: Record<string, unknown>;
  routeId?: string;
  serviceId?: string;
  consumerId?: string;
  protocols?: string[];
}

/** One checked configuration. */
export interface Snapshot {
  services: ReadonlyMap<string, ServiceEntity>;
  routes: readonly RouteEntity[];
  /** By name. */
  upstreams: ReadonlyMap<string, UpstreamEntity>;
  /** By id. */
  consumers: ReadonlyMap<string, ConsumerEntity>;
  consumersByUsername: ReadonlyMap<string, ConsumerEntity>;
  keyCredentials: ReadonlyMap<string, KeyCredential>;
  basicCredentials: ReadonlyMap<string, BasicCredential>;
  jwtCredentials: ReadonlyMap<string, JwtCredential>;
  /** Groups by consumer id. */
  groups: ReadonlyMap<string, readonly string[]>;
  plugins: readonly PluginEntity[];
}

/** The document as parsed from YAML. */
export type DeclarativeConfig = Record<string, unknown>;
