/** `npm run check-config -- kong.yml...`: what is wrong with a configuration, without a gateway. One line a fault. */
import { answerHelp, readArguments } from './arguments.js';
import { checkDocuments } from './config-check/check.js';
import { readStateFile } from './config-check/documents.js';
import { RULES, WARNINGS } from './config-check/rules.js';
import { readVariants } from './config-check/suite.js';

const USAGE = 'usage: npm run check-config -- [--stage NAME] [--variant NAME=PLUGIN]... [--skip-rule RULE]... FILE...';

function main(args: string[]): number {
  const { values, positionals } = readArguments(USAGE, {
    args,
    options: {
      stage: { type: 'string' },
      variant: { type: 'string', multiple: true, default: [] },
      'skip-rule': { type: 'string', multiple: true, default: [] },
    },
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new Error(USAGE);
  for (const rule of values['skip-rule']) {
    const known = Object.keys({ ...RULES, ...WARNINGS });
    if (!known.includes(rule)) throw new Error(`--skip-rule ${rule}: one of ${known.join(', ')}`);
  }
  const { faults, warnings, plugins } = checkDocuments(positionals.map(readStateFile), {
    variants: readVariants(values.variant),
    stage: values.stage,
    skipRules: new Set(values['skip-rule']),
  });
  for (const { file, path, message } of faults) console.error(`${file}: ${path}: ${message}`);
  if (faults.length > 0) return 1;
  for (const { file, path, message } of warnings) console.error(`${file}: ${path}: warning: ${message}`);
  console.log(
    `${positionals.join(', ')}: ${plugins} plugin configuration${plugins === 1 ? '' : 's'} checked, no fault`,
  );
  return 0;
}

answerHelp(USAGE);
try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
