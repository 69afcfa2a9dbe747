/** `kong-genesys-cloud check FILE...`: what is wrong with a configuration, without a gateway. */
import { parseArgs } from 'node:util';
import { type CheckOptions, type CheckResult, checkDocuments, RULE_NAMES } from './check.js';
import { fileWarnings, readStateFile, UnreadableFile, versionFaults } from './documents.js';
import { readKongVersion } from './newer-kong.js';
import { type Finding, FORMATS, findingsOf } from './report.js';
import { readVariants } from './suite.js';

const USAGE = 'usage: kong-genesys-cloud check [OPTION]... FILE...';
export const CHECK_USAGE = `${USAGE}
  says what Kong would refuse in a configuration, and what is likely not meant; several files are taken as one
  --format     lines \`file:line:column: path: message\` (default), JSON, or SARIF for a code host
  --stage      refuses secrets of other stages
  --skip-rule  leaves out a rule of ours: ${RULE_NAMES.join(', ')}
  --kong       the version of Kong that is meant, such as 3.14 (3.9): newer ones refuse more, and have other defaults
  --variant    a name that a plugin server was given by --name
  --rules      what breaks a rule of ours, and Kong takes: \`warn\` (default) or \`fail\`, as in \`npm run check-config\`
  exit code: 0 without faults; 1 with faults, for a wrong command, or for a file that cannot be read`;

export interface CheckOutcome {
  /** For standard output. */
  text: string;
  /** For standard error. */
  errors: string;
  exitCode: 0 | 1;
}

/** Checks files by the command line. @throws Error of one line for a wrong command, or a file that cannot be read */
export function check(args: readonly string[]): CheckOutcome {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      format: { type: 'string', default: 'text' },
      stage: { type: 'string' },
      kong: { type: 'string' },
      variant: { type: 'string', multiple: true, default: [] as string[] },
      'skip-rule': { type: 'string', multiple: true, default: [] as string[] },
      rules: { type: 'string', default: 'warn' },
    },
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new Error(USAGE);
  for (const rule of values['skip-rule']) {
    if (!RULE_NAMES.includes(rule)) throw new Error(`--skip-rule ${rule}: one of ${RULE_NAMES.join(', ')}`);
  }
  const { rules } = values;
  if (rules !== 'warn' && rules !== 'fail') throw new Error(`--rules ${rules}: warn or fail`);
  const format = Object.entries(FORMATS).find(([name]) => name === values.format)?.[1];
  if (format === undefined) throw new Error(`--format ${values.format}: one of ${Object.keys(FORMATS).join(', ')}`);
  const { findings, plugins, namesOnly } = findingsIn(
    positionals,
    {
      variants: readVariants(values.variant),
      stage: values.stage,
      skipRules: new Set(values['skip-rule']),
      kong: values.kong === undefined ? undefined : readKongVersion(values.kong),
    },
    rules,
  );
  const exitCode = findings.some(({ severity }) => severity === 'error') ? 1 : 0;
  if (format !== FORMATS.text) return { text: format(findings), errors: '', exitCode };
  const unknown = namesOnly.length === 0 ? '' : ` (of ${namesOnly.join(', ')} only the names)`;
  const summary = `${positionals.join(', ')}: ${plugins} plugin configuration${plugins === 1 ? '' : 's'} checked${unknown}, no fault\n`;
  return { text: exitCode === 0 ? summary : '', errors: format(findings), exitCode };
}

/** What no YAML is, is told as any other fault, so that a code host shows it. */
function findingsIn(
  files: readonly string[],
  options: CheckOptions,
  rules: 'warn' | 'fail',
): Pick<CheckResult, 'plugins' | 'namesOnly'> & { findings: Finding[] } {
  try {
    const documents = files.map(readStateFile);
    const result = checkDocuments(documents, options);
    result.faults.unshift(...versionFaults(documents));
    result.warnings.unshift(...fileWarnings(documents).filter(({ rule = '' }) => !options.skipRules.has(rule)));
    return { ...result, findings: findingsOf(result, documents, rules) };
  } catch (error) {
    if (!(error instanceof UnreadableFile)) throw error;
    return { findings: [{ ...error.fault, severity: 'error', path: 'YAML', usedIn: [] }], plugins: 0, namesOnly: [] };
  }
}
