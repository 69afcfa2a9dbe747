/**
 * The dashboard and the alerts against the metrics that there are: a query for a metric that was renamed shows nothing and
 * never alerts, and nobody notices. promtool, where it is installed, proves when each alert fires.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { SUITE } from '../../kong/config-check/suite.js';
import { PLUGIN_NAMES } from '../../kong/plugin-list.js';
import { createMetrics } from '../../kong/plugin-server/metrics.js';
import { anchorsOf } from '../../kong/testbed/markdown.js';
import { unless } from '../../kong/testbed/unless.js';

const ROOT = resolve(import.meta.dirname, '../..');
const FOLDER = resolve(ROOT, 'kong/observability');

/** What the plugin server adds to its plugin's families, by prom-client or by itself, as far as it is used; with labels. */
const PROCESS_METRICS: Readonly<Record<string, readonly string[]>> = {
  kong_plugin_event_duration_seconds: ['phase', 'outcome'],
  nodejs_eventloop_lag_p99_seconds: [],
  process_cpu_seconds_total: [],
  process_resident_memory_bytes: [],
  process_start_time_seconds: [],
};
/** What Prometheus itself knows of a target. */
const PROMETHEUS_METRICS: readonly string[] = ['up'];
/** Kong's plugin prometheus, as kong.yml has it (3.9.3, at the status port), as far as the dashboard asks. */
const KONG_METRICS: Readonly<Record<string, readonly string[]>> = {
  kong_http_requests_total: ['service', 'route', 'code', 'source', 'workspace', 'consumer'],
  ...Object.fromEntries(
    ['request', 'kong', 'upstream'].flatMap((what) =>
      ['bucket', 'count', 'sum'].map((suffix) => [
        `kong_${what}_latency_ms_${suffix}`,
        ['service', 'route', 'workspace', 'consumer', 'le'],
      ]),
    ),
  ),
};
/** On every sample: of the plugin server, and of a scrape as in prometheus.yml. */
const COMMON_LABELS: readonly string[] = ['plugin', 'job', 'instance', 'node'];

/** Labels by metric name, a histogram under each name that its samples have. */
const KNOWN = new Map<string, readonly string[]>();
for (const name of PROMETHEUS_METRICS) KNOWN.set(name, []);
for (const [name, labels] of Object.entries({ ...PROCESS_METRICS, ...KONG_METRICS })) KNOWN.set(name, labels);
for (const { metrics } of SUITE) for (const { name, labels } of metrics) KNOWN.set(name, labels);
for (const suffix of ['bucket', 'count', 'sum']) {
  KNOWN.set(`kong_plugin_event_duration_seconds_${suffix}`, ['phase', 'outcome', 'le']);
}

const readText = (name: string): string => readFileSync(resolve(FOLDER, name), 'utf8');

interface AlertRule {
  alert: string;
  expr: string;
  for?: string;
  labels?: { severity?: string };
  annotations?: { summary?: string; runbook?: string };
}

interface RuleTests {
  tests: readonly { alert_rule_test: readonly { alertname: string; exp_alerts: readonly object[] }[] }[];
}

interface Panel {
  id: number;
  type: string;
  title: string;
  datasource?: { uid: string };
  gridPos: { x: number; y: number; w: number; h: number };
  targets?: readonly { expr: string; legendFormat: string; datasource: { uid: string } }[];
}

interface Dashboard {
  title: string;
  schemaVersion: number;
  panels: readonly Panel[];
  templating: { list: readonly { name: string; type: string; query: string | { query: string } }[] };
}

const RULES = (parse(readText('alerts.yml')) as { groups: readonly { rules: readonly AlertRule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);
const DASHBOARD = JSON.parse(readText('dashboard.json')) as Dashboard;

/** A selector: a metric's name and the labels that it is chosen by. */
interface Selector {
  metric: string;
  labels: string[];
}

const KEYWORDS = new Set([
  'and',
  'or',
  'unless',
  'bool',
  'by',
  'without',
  'on',
  'ignoring',
  'group_left',
  'group_right',
]);

/** The selectors of a PromQL expression: names that no parenthesis follows, outside of strings, ranges and lists of labels. */
function selectorsOf(expr: string): Selector[] {
  const bare = expr
    .replace(/"[^"]*"/g, '""')
    .replace(/\[[^\]]*\]/g, ' ')
    // Numbers that the reader of the dashboard enters.
    .replace(/\$\w+/g, ' ')
    .replace(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const names = bare.matchAll(/\b([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\}|(\())?/g);
  return [...names].flatMap(([, metric = '', matchers, call]) => {
    if (call !== undefined || KEYWORDS.has(metric)) return [];
    return [{ metric, labels: [...(matchers ?? '').matchAll(/(\w+)\s*[=!]/g)].map(([, label = '']) => label) }];
  });
}

/** Fails if the expression asks for anything that is not there. */
function expectKnown(expr: string): void {
  const selectors = selectorsOf(expr);
  expect(selectors, expr).not.toEqual([]);
  for (const { metric, labels } of selectors) {
    const known = KNOWN.get(metric) ?? expect.fail(`${metric}: no plugin and no plugin server has it: ${expr}`);
    expect([...known, ...COMMON_LABELS], expr).toEqual(expect.arrayContaining(labels));
  }
}

it('finds the metrics of an expression', () => {
  const expr =
    'sum by (x) (rate(a_total{b!~"c d", e="f"}[5m])) / on (g) h > bool 1e3 and max_over_time((i > 0)[15m:]) > 2';
  expect(selectorsOf(expr)).toEqual([
    { metric: 'a_total', labels: ['b', 'e'] },
    { metric: 'h', labels: [] },
    { metric: 'i', labels: [] },
  ]);
});

it('knows the metrics of every plugin, and those of the plugin server by their names', async () => {
  expect(SUITE.map(({ name }) => name)).toEqual(PLUGIN_NAMES);
  const { text } = await (await createMetrics('genesys-login', [])).render();
  for (const name of Object.keys(PROCESS_METRICS)) expect(text).toContain(`# TYPE ${name} `);
});

it('the README leads to the metrics of every plugin that has some', () => {
  const linked = [...readText('README.md').matchAll(/\/plugins\/([\w-]+)\/README\.md#metrics/g)].map(
    ([, name]) => name,
  );
  const measured = SUITE.filter(({ metrics }) => metrics.length > 0).map(({ name }) => name);
  expect(linked.sort()).toEqual(measured.sort());
});

describe('alerts.yml', () => {
  it.each(RULES.map((rule) => [rule.alert, rule] as const))('%s can fire, waits, and says where help is', (_, rule) => {
    expectKnown(rule.expr);
    expect(rule.for).toMatch(/^\d+[smh]$/);
    expect(rule.labels?.severity).toMatch(/^(critical|warning|info)$/);
    expect(rule.annotations?.summary).toMatch(/\w/);
    const [page, anchor] = rule.annotations?.runbook?.split('#') ?? [];
    expect(page).toBe('docs/runbook.md');
    expect(anchorsOf(readFileSync(resolve(ROOT, 'docs/runbook.md'), 'utf8'))).toContain(anchor);
  });

  it('has no name twice', () => {
    expect(new Set(RULES.map(({ alert }) => alert)).size).toBe(RULES.length);
  });

  it('has a test of every alert that it fires, and that it does not', () => {
    const tests = (parse(readText('alerts.test.yml')) as RuleTests).tests.flatMap((test) => test.alert_rule_test);
    const namesOf = (fires: boolean) =>
      tests.filter(({ exp_alerts }) => exp_alerts.length > 0 === fires).map(({ alertname }) => alertname);
    const all = RULES.map(({ alert }) => alert).sort();
    expect(namesOf(true).sort()).toEqual(all);
    expect(namesOf(false).sort()).toEqual(all);
  });
});

describe('dashboard.json', () => {
  const queries = DASHBOARD.panels.filter(({ type }) => type !== 'row');

  it('lets the reader choose the data source and the node', () => {
    expect(DASHBOARD.templating.list.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['node', 'query'],
      ['allocation', 'textbox'],
      ['price', 'textbox'],
    ]);
    for (const { query } of DASHBOARD.templating.list) {
      if (typeof query === 'string') continue;
      const [, expr = ''] = /^label_values\((.*), node\)$/.exec(query.query) ?? [];
      expectKnown(expr);
    }
    for (const { datasource, targets = [] } of queries) {
      for (const source of [datasource, ...targets.map((target) => target.datasource)]) {
        expect(source).toEqual({ type: 'prometheus', uid: `\${datasource}` });
      }
    }
  });

  it.each(queries.map((panel) => [panel.title, panel] as const))('%s asks for what there is', (_, { targets = [] }) => {
    expect(targets).not.toEqual([]);
    for (const { expr } of targets) {
      expectKnown(expr);
      expect(expr).toContain('node=~"$node"');
    }
  });

  it('has panels that lie beside each other, with ids of their own', () => {
    const { panels } = DASHBOARD;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const taken = new Set<string>();
    for (const { gridPos, title } of panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), title).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });
});

it('prometheus.yml scrapes the process that all plugins share, under a name that the alerts choose', () => {
  const { scrape_configs } = parse(readText('prometheus.yml')) as {
    scrape_configs: readonly {
      honor_labels: boolean;
      static_configs: readonly { targets: readonly string[]; labels: { plugin: string; node: string } }[];
    }[];
  };
  const [config] = scrape_configs;
  const servers = config?.static_configs ?? [];
  // Otherwise Prometheus renames the plugin server's own label, and no alert finds it.
  expect(config?.honor_labels).toBe(true);
  expect(servers.map(({ labels, targets }) => [labels.plugin, targets.length])).toEqual([['genesys-plugins', 1]]);
});

/** @param input for its standard input */
function promtool(args: readonly string[], input = ''): { status: number | null; output: string } {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { cwd: FOLDER, input, encoding: 'utf8' });
  return { status, output: `${stdout}${stderr}${error?.message ?? ''}` };
}

const PROMTOOL_MISSING = promtool(['--version']).status === 0 ? undefined : "no promtool (Debian's package prometheus)";

describe('promtool', unless(PROMTOOL_MISSING), () => {
  it.each([
    ['the rules', ['check', 'rules', '--lint-fatal', 'alerts.yml']],
    ['the scrape example', ['check', 'config', '--lint-fatal', 'prometheus.yml']],
    ['when alerts fire', ['test', 'rules', 'alerts.test.yml']],
  ])('finds nothing wrong with %s', (_, args) => {
    const { status, output } = promtool(args);
    expect(status, output).toBe(0);
  });

  it.each(SUITE.map((plugin) => [plugin.name, plugin] as const))('can read what %s tells', async (_, plugin) => {
    const metrics = await createMetrics(plugin.name, [plugin]);
    metrics.observeEvent(plugin.name, 'access', 'ended', 1);
    const { output } = promtool(['check', 'metrics'], (await metrics.render()).text);
    // Names of prom-client's own are not ours to choose.
    const ours = output.split('\n').filter((line) => line !== '' && !/^(nodejs|process)_/.test(line));
    expect(ours).toEqual([]);
  });
});
