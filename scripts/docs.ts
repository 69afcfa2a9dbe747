/**
 * `npm run docs`: writes what the schemas and metrics of the plugins say into their pages, and the files of kong/kubernetes
 * that are made of others.
 */

import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { answerHelp } from './arguments.js';
import { kubernetesFiles } from './docs/kubernetes.js';
import { fill, PAGES } from './docs/pages.js';

answerHelp('usage: npm run docs');

try {
  for (const page of PAGES) {
    const file = resolve(page.file);
    const text = readFileSync(file, 'utf8');
    const filled = fill(page, text);
    if (filled === text) continue;
    writeFileSync(file, filled);
    console.log(page.file);
  }
  for (const [name, text] of Object.entries(kubernetesFiles('.')))
    writeFileSync(resolve('kong/kubernetes', name), text);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
