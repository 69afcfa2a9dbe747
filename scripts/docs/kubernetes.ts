/** Files of kong/kubernetes that are made of others, so that they say the same. Pure but for reading. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parse, stringify } from 'yaml';
import { asHelmValues, pluginServerSettings } from '../../kong/install/plugin-server-settings.js';
import { SERVED } from '../../kong/plugin-list.js';
import type { PlainObject } from '../../plugins/shared/plain-object.js';

const MADE = (of: string): string => `# Made of ${of} by \`npm run docs\`.\n`;
const CLASS = { 'kubernetes.io/ingress.class': 'kong' };

/** Returns the files by their names in kong/kubernetes. @param root the repository's folder */
export function kubernetesFiles(root: string): Record<string, string> {
  const read = (path: string): string => readFileSync(resolve(root, path), 'utf8');
  const values = withPluginServers(read('kong/kubernetes/values.yaml'));
  const gateway = parse(read('kong/config/gateway.yml'), { merge: true }) as { plugins: PluginEntry[] };
  const authorities = parse(read('kong/config/authorities.yml')) as { ca_certificates: Authority[] };
  const { groups } = parse(read('kong/observability/alerts.yml')) as { groups: PlainObject[] };
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: { name: 'genesys-plugins' },
    spec: { groups },
  };
  return {
    'values.yaml': values,
    'values-ingress.yaml': `${MADE('values.yaml')}# Values of Kong's Helm chart kong/ingress.\ngateway:\n${indent(values)}`,
    'base.yaml': `${MADE('kong/config')}# What holds for every route: plugins for all of them, and the authorities of Genesys Cloud.\n${asDocuments(
      [
        ...gateway.plugins.filter(({ enabled }) => enabled !== false).map(clusterPlugin),
        ...authorities.ca_certificates.map(configMap),
      ],
    )}`,
    'prometheus-rule.yaml': MADE('kong/observability/alerts.yml') + asDocuments([rule]),
  };
}

/** Fills in the settings of the plugin servers, with the paths of the image. @throws Error if the marks are not there */
function withPluginServers(values: string): string {
  const settings = pluginServerSettings({
    plugins: SERVED,
    processes: 'outside',
    node: '/usr/local/bin/node',
    packageFolder: '/usr/local/lib/kong-genesys-cloud',
    sockets: '/run/kong-genesys-cloud',
    flags: ['--stdout', '/dev/stdout'],
  });
  const lines = asHelmValues(settings).replace(/^env:\n/, '');
  if (!PLUGIN_SERVERS.test(values)) throw new Error('kong/kubernetes/values.yaml: no lines to fill in');
  return values.replace(PLUGIN_SERVERS, (_all, first: string, last: string) => `${first}${lines}${last}`);
}

const PLUGIN_SERVERS = /( {2}# Made by `npm run docs`[^\n]*\n[^\n]*\n).*?( {2}# Until here\.\n)/s;

interface PluginEntry {
  name: string;
  enabled?: boolean;
  config: PlainObject;
}

interface Authority {
  id: string;
  cert: string;
}

/** A plugin for all routes: Kong's Ingress Controller knows it by the label. */
function clusterPlugin({ name, config }: PluginEntry): PlainObject {
  return {
    apiVersion: 'configuration.konghq.com/v1',
    kind: 'KongClusterPlugin',
    metadata: { name: `genesys-all-${name}`, labels: { global: 'true' }, annotations: CLASS },
    plugin: name,
    config,
  };
}

/** Services name it by `konghq.com/ca-certificates-configmaps`. */
function configMap({ id, cert }: Authority, index: number): PlainObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `genesys-authority-${index + 1}`, labels: { 'konghq.com/ca-cert': 'true' }, annotations: CLASS },
    data: { id, cert },
  };
}

function asDocuments(documents: readonly PlainObject[]): string {
  return documents.map((document) => stringify(document, { lineWidth: 0 })).join('---\n');
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, '  ');
}
