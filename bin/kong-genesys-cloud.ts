#!/usr/bin/env node
import '../kong/node-version.js';
import { resolve } from 'node:path';
import type { PluginModule } from '../plugins/shared/plugin.js';

interface Outcome {
  text: string;
  notes?: readonly string[];
  exitCode?: number;
}

interface Command {
  usage: string;
  run(): Outcome | Promise<Outcome>;
}

const PACKAGE_FOLDER = resolve(import.meta.dirname, '../..');

const [command, ...args] = process.argv.slice(2);

/** Returns a plugin's schema, as its plugin server describes it. */
async function schemaOf(module: string, name: string): Promise<unknown> {
  const { describePlugin } = await import('../kong/plugin-server/dump.js');
  const plugin = (await import(`../plugins/${module}/index.js`)) as PluginModule;
  return describePlugin(plugin, name, '').Plugins[0].Schema;
}

/** The command without a word: settings for Kong, and health checks, which are run all the time. */
async function settings(): Promise<Command> {
  const { run, USAGE } = await import('../kong/install/command-line.js');
  const here = { node: process.execPath, packageFolder: PACKAGE_FOLDER, schemaOf };
  return { usage: USAGE, run: async () => ({ text: await run(process.argv.slice(2), here) }) };
}

/** Each loads no more than it needs. */
const COMMANDS: Record<string, () => Promise<Command>> = {
  async check() {
    const { CHECK_USAGE, check } = await import('../kong/config-check/command.js');
    return {
      usage: CHECK_USAGE,
      run() {
        const { text, errors, exitCode } = check(args);
        return { text, notes: errors === '' ? [] : [errors.trimEnd()], exitCode };
      },
    };
  },
  async combine() {
    const { COMBINE_USAGE, combine } = await import('../kong/install/combine/command.js');
    return { usage: COMBINE_USAGE, run: () => combine(args) };
  },
  async doctor() {
    const { DOCTOR_USAGE, doctor } = await import('../kong/install/doctor/command.js');
    const { listClients } = await import('../plugins/genesys-token-manager/try-login.js');
    return { usage: DOCTOR_USAGE, run: () => doctor(args, { env: process.env, listClients }) };
  },
  async render() {
    const { RENDER_USAGE, renderCommand } = await import('../kong/install/render/command.js');
    return { usage: RENDER_USAGE, run: () => renderCommand(args, PACKAGE_FOLDER) };
  },
  async routes() {
    const { ROUTES_USAGE, routes } = await import('../kong/install/routes/command.js');
    const { KEPT_FIELDS } = await import('../plugins/genesys-pii-log/mask/genesys-models.js');
    const { PAGING_FIELDS } = await import('../plugins/genesys-response-filter/rule/filter.js');
    const { createRefusals, isRefused } = await import('../plugins/genesys-token-manager/own-token.js');
    const { parsePath } = await import('../plugins/genesys-response-filter/rule/path.js');
    const around = {
      packageFolder: PACKAGE_FOLDER,
      safeFields: [...KEPT_FIELDS, ...PAGING_FIELDS],
      documents: { readPath: parsePath, pagingFields: new Set<string>(PAGING_FIELDS) },
      refusals(further: readonly string[]) {
        const list = createRefusals(further);
        return (method: string, path: string) => isRefused(list.on(path), method);
      },
    };
    return { usage: ROUTES_USAGE, run: () => routes(args, around) };
  },
  async run() {
    const { RUN_USAGE, runCommand } = await import('../kong/install/run/command.js');
    return { usage: RUN_USAGE, run: () => runCommand(args) };
  },
  async suggest() {
    const [{ SUGGEST_USAGE, suggest }, { readText }] = await Promise.all([
      import('../plugins/genesys-response-filter/suggest/command.js'),
      import('../kong/install/read-text.js'),
    ]);
    return { usage: SUGGEST_USAGE, run: () => suggest(args, readText) };
  },
  async try() {
    const { runTry } = await import('../kong/install/try.js');
    const { tryAudit } = await import('../plugins/genesys-pii-log/try-audit.js');
    const { tryFilter } = await import('../plugins/genesys-response-filter/try-filter.js');
    const { usage } = await settings();
    return { usage, run: async () => ({ text: await runTry(args, process.stdin, { tryAudit, tryFilter }) }) };
  },
  async usage() {
    const [{ USAGE_USAGE, usage }, { listClients }] = await Promise.all([
      import('../kong/install/usage/command.js'),
      import('../plugins/genesys-token-manager/try-login.js'),
    ]);
    return { usage: USAGE_USAGE, run: () => usage(args, { env: process.env, listClients, nowMs: Date.now() }) };
  },
};

const { usage, run } = await (COMMANDS[command ?? ''] ?? settings)();
if (process.argv.includes('--help')) {
  process.stdout.write(`${usage}\n`);
} else {
  try {
    // The result goes to standard output, remarks to standard error.
    const { text, notes = [], exitCode = 0 } = await run();
    for (const note of notes) process.stderr.write(`${note}\n`);
    process.stdout.write(text);
    process.exitCode = exitCode;
  } catch (error) {
    process.stderr.write(`kong-genesys-cloud: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
