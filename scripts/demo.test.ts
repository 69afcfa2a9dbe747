/** The six lines of `npm start`, and the recording of them. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { DEMO_ACCESS } from '../kong/testbed/development-config.js';
import { ROOT } from '../kong/testbed/plugin-server.js';
import { runs } from '../kong/testbed/runs.js';
import { unless } from '../kong/testbed/unless.js';
import { toPicture } from './demo/picture.js';
import { fromCast, type Output, toCast } from './demo/recording.js';
import { CLEAR, closing, opening } from './demo/session.js';
import { coloursFor, printSteps, stepsOf, wantsColour } from './demo/steps.js';

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'demo-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const STEPS = stepsOf({
  gatewayUrl: 'http://127.0.0.1:8000',
  pageUrl: 'http://127.0.0.1:8070',
  operatorUrl: 'http://127.0.0.1:9500',
  auditPath: '/tmp/audit.log',
  access: DEMO_ACCESS,
});
const ESCAPE = '\u001b';

describe('the lines of npm start', () => {
  it('are six, each with what to see', () => {
    const printed = printSteps(STEPS, coloursFor(false));
    expect(printed.split('\n')).toHaveLength(18);
    expect(printed.match(/^ {3}see \S/gm)).toHaveLength(6);
    expect(printed).not.toContain(ESCAPE);
    expect(printSteps(STEPS, coloursFor(true))).toContain(`${ESCAPE}[36mcurl`);
  });

  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('terminal %s, environment %j: colours %s', (isTerminal, env, expected) => {
    expect(wantsColour(isTerminal, env)).toBe(expected);
  });
});

const SIZE = { width: 40, height: 12 };
const STEP = { title: 'One', command: 'curl x', see: 'that it works' };
const outputsOf = (printed: string): Output[] => [
  ...opening(STEP, 1, 1, coloursFor(true)),
  ...closing(STEP, printed, SIZE, coloursFor(true)),
];

describe('a recording', () => {
  it('is read as it was written', () => {
    const outputs = outputsOf('done');
    expect(fromCast(toCast(outputs, SIZE, 'x'))).toEqual({ size: SIZE, outputs });
    expect(() => fromCast('{"version":1}')).toThrow('version 2');
  });

  it('holds no more than fits on its screen, and no token', () => {
    const text = outputsOf(`${'x'.repeat(1000)}\neyJhbGciOiJ.abcdef.ghijkl`)
      .map(({ text }) => text)
      .join('');
    expect(text.replace(CLEAR, '').split('\r\n').length).toBeLessThanOrEqual(SIZE.height);
    expect(text).toContain('...');
    expect(
      outputsOf('"eyJhbGciOiJ.abcdef.ghijkl"')
        .map(({ text }) => text)
        .join(''),
    ).toContain('"eyJhbGci..."');
  });

  it('is a picture with a screen for each step, whatever is printed', () => {
    const outputs = [...outputsOf('<script>&'), ...outputsOf('two')];
    const picture = toPicture(outputs, SIZE, 'a & b');
    expect(picture.match(/<g class="f f\d">/g)).toHaveLength(2);
    expect(picture).toContain('&lt;script&gt;&amp;');
    expect(picture).toContain('<title>a &amp; b</title>');
    expect(picture).not.toContain(ESCAPE);
    expect(picture.replace('xmlns="http://www.w3.org/2000/svg"', '')).not.toMatch(/<script|https?:/);
  });
});

it.each(['demo', 'page', 'rules'])('docs/pictures/%s.svg loads and runs nothing, and has no token', (name) => {
  const picture = readFileSync(join(ROOT, 'docs/pictures', `${name}.svg`), 'utf8');
  expect(picture).toMatch(
    /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="[\d ]+" role="img">\n<title>.+<\/title>/,
  );
  expect(picture).not.toMatch(/<script|<image|<link|\bhref=|\bsrc=|\bon\w+=|url\(|@import|eyJ[\w-]{9}/);
});

it('docs/pictures/demo.svg is the picture of docs/pictures/demo.cast', () => {
  const { outputs, size } = fromCast(readFileSync(join(ROOT, 'docs/pictures/demo.cast'), 'utf8'));
  const picture = readFileSync(join(ROOT, 'docs/pictures/demo.svg'), 'utf8');
  expect(picture).toBe(toPicture(outputs, size, 'Genesys Cloud behind a gateway, in six commands'));
});

describe('npm run demo', unless(runs('curl', '--version') ? undefined : 'no curl'), () => {
  it('plays all of it, and each step shows what it says', async () => {
    const [cast, picture] = [join(folder, 'demo.cast'), join(folder, 'demo.svg')];
    const ports = ['port', 'simulator-port', 'page-port'].flatMap((name) => [`--${name}`, '0']);
    const args = [join(ROOT, 'dist/scripts/demo.js'), '--fast', '--cast', cast, '--picture', picture, ...ports];
    const { stdout } = await run(process.execPath, args, { env: { ...process.env, TMPDIR: folder } });
    // Lines are cut where the terminal ends.
    const steps = stdout
      .replace(/[\r\n]/g, '')
      .split(/\d of 6 {2}/)
      .slice(1);
    expect(steps).toHaveLength(6);
    const [page = '', entry = '', refused = '', tokens = '', login = '', metrics = ''] = steps;
    expect(page).toMatch(/"division".*\{"entities":\[\{"id":"[^"]+","name":"[^"]+","email":"[^"]+"\}\]/);
    expect(entry).toContain('***REDACTED***');
    expect(entry).not.toContain('@');
    expect(refused).toMatch(/HTTP\/1.1 429 .*Retry-After: \d+RateLimit.*gateway\.quota\.exceeded/);
    expect(tokens).toContain('"uses":22,');
    expect(login).toContain('"access_token":"eyJhbGci..."');
    expect(metrics).toMatch(/decision="analytics"[^}]*\} 1/);
    expect(fromCast(readFileSync(cast, 'utf8')).outputs.length).toBeGreaterThan(100);
    expect(readFileSync(picture, 'utf8')).toMatch(/<\/svg>\n$/);
  });
});
