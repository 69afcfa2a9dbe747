#!/usr/bin/env node
import { resolve } from 'node:path';
import { run, USAGE } from '../kong/install/command-line.js';

const PACKAGE_FOLDER = resolve(import.meta.dirname, '../..');

if (process.argv.includes('--help')) {
  process.stdout.write(`${USAGE}\n`);
} else {
  try {
    process.stdout.write(await run(process.argv.slice(2), { node: process.execPath, packageFolder: PACKAGE_FOLDER }));
  } catch (error) {
    process.stderr.write(`kong-genesys-cloud: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
