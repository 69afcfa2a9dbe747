#!/usr/bin/env node
import '../kong/node-version.js';
import { resolve } from 'node:path';
import type { PluginModule } from '../plugins/shared/plugin.js';

const { CHECK_USAGE, check } = await import('../kong/config-check/command.js');
const { COMBINE_USAGE, combine } = await import('../kong/install/combine/command.js');
const { run, USAGE } = await import('../kong/install/command-line.js');
const { DOCTOR_USAGE, doctor } = await import('../kong/install/doctor/command.js');
const { RENDER_USAGE, renderCommand } = await import('../kong/install/render/command.js');
const { runTry } = await import('../kong/install/try.js');
const { describePlugin } = await import('../kong/plugin-server/dump.js');
const { tryAudit } = await import('../plugins/genesys-pii-log/try-audit.js');
const { listClients } = await import('../plugins/genesys-token-manager/try-login.js');

const PACKAGE_FOLDER = resolve(import.meta.dirname, '../..');

const [command, ...args] = process.argv.slice(2);

/** Returns a plugin's schema, as its plugin server describes it. */
async function schemaOf(module: string, name: string): Promise<unknown> {
  const plugin = (await import(`../plugins/${module}/index.js`)) as PluginModule;
  return describePlugin(plugin, name, '').Plugins[0].Schema;
}

interface Outcome {
  text: string;
  notes?: readonly string[];
  exitCode?: number;
}

/** Prints what a command has to say: the result to standard output, remarks to standard error. */
const COMMANDS: Record<string, () => Promise<Outcome>> = {
  check: async () => {
    const { text, errors, exitCode } = check(args);
    return { text, notes: errors === '' ? [] : [errors.trimEnd()], exitCode };
  },
  combine: async () => combine(args),
  doctor: async () => doctor(args, { env: process.env, listClients }),
  render: async () => renderCommand(args, PACKAGE_FOLDER),
  try: async () => ({ text: await runTry(args, process.stdin, tryAudit) }),
};
const printSettings = async (): Promise<Outcome> => ({
  text: await run(process.argv.slice(2), { node: process.execPath, packageFolder: PACKAGE_FOLDER, schemaOf }),
});

const USAGES: Record<string, string> = {
  check: CHECK_USAGE,
  combine: COMBINE_USAGE,
  doctor: DOCTOR_USAGE,
  render: RENDER_USAGE,
};

if (process.argv.includes('--help')) {
  process.stdout.write(`${USAGES[command ?? ''] ?? USAGE}\n`);
} else {
  try {
    const { text, notes = [], exitCode = 0 } = await (COMMANDS[command ?? ''] ?? printSettings)();
    for (const note of notes) process.stderr.write(`${note}\n`);
    process.stdout.write(text);
    process.exitCode = exitCode;
  } catch (error) {
    process.stderr.write(`kong-genesys-cloud: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
