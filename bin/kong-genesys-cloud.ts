#!/usr/bin/env node
import { resolve } from 'node:path';
import { run, USAGE } from '../kong/install/command-line.js';
import { runTry } from '../kong/install/try.js';
import { tryAudit } from '../plugins/genesys-pii-log/try-audit.js';

const PACKAGE_FOLDER = resolve(import.meta.dirname, '../..');

if (process.argv.includes('--help')) {
  process.stdout.write(`${USAGE}\n`);
} else {
  try {
    const [command, ...args] = process.argv.slice(2);
    process.stdout.write(
      command === 'try'
        ? await runTry(args, process.stdin, tryAudit)
        : await run(process.argv.slice(2), { node: process.execPath, packageFolder: PACKAGE_FOLDER }),
    );
  } catch (error) {
    process.stderr.write(`kong-genesys-cloud: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
