#!/usr/bin/env node
import { resolve } from 'node:path';
import { COMBINE_USAGE, combine } from '../kong/install/combine/command.js';
import { run, USAGE } from '../kong/install/command-line.js';

const PACKAGE_FOLDER = resolve(import.meta.dirname, '../..');

const [command, ...args] = process.argv.slice(2);
if (process.argv.includes('--help')) {
  process.stdout.write(`${command === 'combine' ? COMBINE_USAGE : USAGE}\n`);
} else {
  try {
    if (command === 'combine') {
      const { text, notes } = await combine(args);
      for (const note of notes) process.stderr.write(`${note}\n`);
      process.stdout.write(text);
    } else {
      const here = { node: process.execPath, packageFolder: PACKAGE_FOLDER };
      process.stdout.write(await run(process.argv.slice(2), here));
    }
  } catch (error) {
    process.stderr.write(`kong-genesys-cloud: ${(error as Error).message}\n`);
    process.exitCode = 1;
  }
}
