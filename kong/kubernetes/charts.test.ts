/**
 * The values in Kong's own charts, and all files here by the schemas of Kubernetes, of Kong's custom resources and of the
 * Prometheus operator. Needs helm, kubeconform, and folders that the environment names:
 *   KONG_CHARTS           charts/kong and charts/ingress of Kong/charts, with their dependencies
 *   KUBERNETES_SCHEMAS    a schema location of kubeconform, or `default` for the one on the internet
 *   PROMETHEUS_OPERATOR_CRDS   the definitions of PodMonitor and PrometheusRule
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { schemaLocation, writeCrdSchemas } from '../../test/support/crd-schemas.js';
import { CHART_ENV, readPodValues } from '../../test/support/pod.js';
import { runs } from '../testbed/runs.js';
import { unless } from '../testbed/unless.js';

const { KONG_CHARTS: CHARTS = '', KUBERNETES_SCHEMAS: SCHEMAS = '', PROMETHEUS_OPERATOR_CRDS: CRDS = '' } = process.env;
const MISSING = missing();

const HERE = import.meta.dirname;

interface Container {
  name: string;
  image: string;
  env?: { name: string; value?: string; valueFrom?: object }[];
  restartPolicy?: string;
  securityContext: object;
  volumeMounts: { name: string; mountPath: string }[];
  readinessProbe?: object;
  lifecycle?: object;
}

interface PodSpec {
  initContainers: Container[];
  containers: Container[];
  volumes: { name: string }[];
  terminationGracePeriodSeconds: number;
}

const RELEASES: [string, string, string[]][] = [
  ['kong/kong with its controller', 'kong', ['values.yaml']],
  ['kong/ingress', 'ingress', ['values-ingress.yaml']],
  ['kong/kong with a file', 'kong', ['values.yaml', 'values-dbless.yaml']],
  ['a data plane of Konnect', 'kong', ['values.yaml', 'values-konnect.yaml']],
  ['Kong Enterprise', 'kong', ['values.yaml', 'values-enterprise.yaml']],
];

describe('kong/kubernetes', unless(MISSING), () => {
  const folder = mkdtempSync(join(tmpdir(), 'charts-'));
  beforeAll(() => {
    const ofPrometheus = readdirSync(CRDS).map((file) => join(CRDS, file));
    writeCrdSchemas([join(CHARTS, 'kong/crds/custom-resource-definitions.yaml'), ...ofPrometheus], folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** @throws Error in kubeconform's words */
  function validate(input: string): void {
    const locations = [SCHEMAS, schemaLocation(folder)].flatMap((location) => ['-schema-location', location]);
    try {
      // The definitions themselves are in no schema.
      const options = ['-strict', '-summary', '-skip', 'CustomResourceDefinition', ...locations];
      execFileSync('kubeconform', options, { input, stdio: 'pipe' });
    } catch (error) {
      throw new Error(String((error as { stdout?: Buffer }).stdout));
    }
  }

  function render(chart: string, files: readonly string[]): string {
    const values = files.flatMap((file) => ['--values', join(HERE, file)]);
    return execFileSync('helm', ['template', 'kong', join(CHARTS, chart), ...values], {
      encoding: 'utf8',
      stdio: 'pipe',
    });
  }

  /** The pod that has Kong. */
  function podOf(rendered: string): PodSpec {
    const documents = parseAllDocuments(rendered).map(
      (one) => one.toJS() as { kind?: string; spec?: { template: { spec: PodSpec } } },
    );
    const pods = documents.flatMap(({ kind, spec }) => (kind === 'Deployment' && spec ? [spec.template.spec] : []));
    const pod = pods.find(({ containers }) => containers.some(({ name }) => name === 'proxy'));
    if (pod === undefined) throw new Error('no pod has Kong');
    return pod;
  }

  describe.each(RELEASES)('%s', (_what, chart, files) => {
    let rendered: string;
    let pod: PodSpec;
    let proxy: Container;
    let plugins: Container;
    beforeAll(() => {
      rendered = render(chart, files);
      pod = podOf(rendered);
      const named = (name: string): Container =>
        [...pod.initContainers, ...pod.containers].find((one) => one.name === name) as Container;
      [proxy, plugins] = [named('proxy'), named('plugins')];
    });

    it('renders, and every resource fits its schema', () => {
      validate(rendered);
      expect(() => validate(rendered.replace('restartPolicy: Always', 'restartPolcy: Always'))).toThrow('restartPolcy');
    });

    it('runs every container as a user without rights, on a root file system that cannot be written to', () => {
      for (const { name, securityContext } of [...pod.initContainers, ...pod.containers]) {
        expect([name, securityContext]).toEqual([
          name,
          {
            readOnlyRootFilesystem: true,
            allowPrivilegeEscalation: false,
            runAsUser: 1000,
            runAsGroup: 1000,
            runAsNonRoot: true,
            seccompProfile: { type: 'RuntimeDefault' },
            capabilities: { drop: ['ALL'] },
          },
        ]);
      }
    });

    it('has the socket in a volume of both containers, the secret in one', () => {
      const mounts = (container: Container): string[] => container.volumeMounts.map(({ mountPath }) => mountPath);
      const socket = plugins.volumeMounts.find(({ name }) => name === 'kong-run');
      expect(proxy.volumeMounts).toContainEqual(socket);
      // What Kong puts into files, such as long bodies of requests, has the same path for the plugins.
      const prefix = proxy.env?.find(({ name }) => name === 'KONG_PREFIX')?.value;
      expect(prefix).toMatch(new RegExp(`^${socket?.mountPath}/.`));
      expect([mounts(plugins).includes('/etc/genesys'), mounts(proxy).includes('/etc/genesys')]).toEqual([true, false]);
      expect(plugins).toMatchObject({ image: proxy.image, restartPolicy: 'Always' });
      const volumes = pod.volumes.map(({ name }) => name);
      for (const { name } of [...plugins.volumeMounts, ...proxy.volumeMounts]) expect(volumes).toContain(name);
    });

    it('is ready by the status of Kong and of the plugins, and has time to stop', () => {
      expect(proxy.readinessProbe).toMatchObject({ httpGet: { path: '/status/ready', port: 'status' } });
      expect(plugins.readinessProbe).toMatchObject({ httpGet: { path: '/ready', port: 'plugin-metrics' } });
      expect(JSON.stringify(proxy.lifecycle)).toContain('--timeout=60');
      expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(70);
    });

    it('gives Kong the environment that the end-to-end test runs it with', () => {
      const { env, customEnv } = readPodValues();
      const values = new Map(proxy.env?.map(({ name, value }) => [name, value]));
      const isChanged = (name: string): boolean =>
        files.some((file) => /dbless|konnect/.test(file)) && OVERLAID.has(name);
      const expected = {
        ...CHART_ENV,
        ...Object.fromEntries(Object.entries(env).map(([name, value]) => [`KONG_${name.toUpperCase()}`, value])),
        ...Object.fromEntries(Object.entries(customEnv).map(([name, value]) => [name.toUpperCase(), value])),
      };
      for (const [name, value] of Object.entries(expected)) {
        if (!isChanged(name) && !(name === 'KONG_KIC' && !values.has(name)))
          expect([name, values.get(name)]).toEqual([name, value]);
      }
      if (!files.includes('values-dbless.yaml')) expect(values.get('KONG_DECLARATIVE_CONFIG')).toBe('');
      else expect(proxy.volumeMounts).toContainEqual(expect.objectContaining({ mountPath: '/kong_dbless/' }));
    });
  });

  it.each(readdirSync(HERE).filter((file) => /^(?!values).*\.yaml$/.test(file)))('%s fits its schemas', (file) => {
    validate(execFileSync('cat', [join(HERE, file)], { encoding: 'utf8' }));
  });
});

/** What values-dbless.yaml and values-konnect.yaml say in another way. */
const OVERLAID = new Set(['KONG_DECLARATIVE_CONFIG', 'KONG_ROUTER_FLAVOR']);

function missing(): string | undefined {
  if (!runs('helm', 'version')) return 'no helm';
  if (!runs('kubeconform', '-v')) return 'no kubeconform';
  return CHARTS === '' || SCHEMAS === '' || CRDS === ''
    ? 'KONG_CHARTS, KUBERNETES_SCHEMAS and PROMETHEUS_OPERATOR_CRDS are not all set'
    : undefined;
}
