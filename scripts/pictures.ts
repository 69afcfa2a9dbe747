/**
 * `npm run pictures`: takes the README's pictures of the page anew, with what `npm start` starts and a headless Chromium. A
 * picture is an SVG with the page's own elements and styles in it: text that a diff can show, light and dark.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { browserMissing, startBrowser, type Tab } from '../kong/testbed/browser.js';
import { ROOT } from '../kong/testbed/plugin-server.js';
import { answerHelp } from './arguments.js';
import { startForDemo } from './demo/start.js';

const USAGE = 'usage: npm run pictures';
const FOLDER = join(ROOT, 'docs/pictures');
const WIDTH = 1200;

const run = promisify(execFile);

/** What a picture has no use for: what scrolls is cut, and what moves has arrived. */
const STILL = `
#request-list,pre{overflow:hidden}
#request-list{max-height:none}
#detail pre{max-height:18rem}
#request-list li.new button{animation:none}
:focus-visible{outline:none}
`;

/** Copies an element of the page with its styles. @param title what it shows, for who does not see it */
async function pictureOf(tab: Tab, selector: string, title: string): Promise<string> {
  // What somebody has typed is no part of the document otherwise.
  await tab.evaluate("for (const field of document.querySelectorAll('textarea')) field.textContent = field.value");
  const { xhtml, height } = await tab.evaluate<{ xhtml: string; height: number }>(`(() => {
    const element = document.querySelector(${JSON.stringify(selector)});
    const copy = element.cloneNode(true);
    for (const script of copy.querySelectorAll('script, noscript, .skip, [hidden]')) script.remove();
    return { xhtml: new XMLSerializer().serializeToString(copy), height: element.scrollHeight };
  })()`);
  const css = readFileSync(join(ROOT, 'kong/page/page.css'), 'utf8');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>${title}</title>
<style>${`${css}${STILL}`.replaceAll('<', '&lt;')}</style>
<foreignObject width="100%" height="100%">
${xhtml}
</foreignObject>
</svg>
`;
}

async function pictures(): Promise<void> {
  const missing = browserMissing();
  if (missing !== undefined) throw new Error(missing);
  const started = await startForDemo(['--port', '8000', '--simulator-port', '8090', '--page-port', '8070']);
  const browser = await startBrowser();
  try {
    const tab = await browser.newTab();
    await tab.look(WIDTH, 900);
    for (const { command } of started.steps) await run('sh', ['-c', command]);
    await tab.open('http://127.0.0.1:8070/');
    await tab.waitUntil('the requests', "document.querySelectorAll('#request-list button').length > 20");
    await tab.waitUntil('the trial', "document.getElementById('rules-summary').innerText.includes('values leave')");
    // Another page, to be the newest.
    await run('sh', ['-c', started.steps[0]?.command ?? '']);
    const newest = "document.querySelector('#request-list button')";
    await tab.waitUntil('the page of users', `${newest}.innerText.includes('/directory')`);
    await tab.evaluate(`${newest}.click()`);
    await tab.waitUntil('the log', "document.querySelectorAll('#detail .sides > div > pre').length === 3");
    await tab.press('p');
    await tab.evaluate(`{
      const still = new CSSStyleSheet();
      still.replaceSync(${JSON.stringify(STILL)});
      document.adoptedStyleSheets = [still];
    }`);
    await tab.evaluate("for (const item of [...document.querySelectorAll('#request-list li')].slice(6)) item.remove()");
    writeFileSync(join(FOLDER, 'rules.svg'), await pictureOf(tab, '#rules', 'The page tries rules on a body'));
    await tab.evaluate("document.getElementById('rules').hidden = true");
    writeFileSync(
      join(FOLDER, 'page.svg'),
      await pictureOf(tab, 'body', 'The page: requests, one of them, budgets, tokens'),
    );
  } finally {
    await browser.close();
    await started.stop();
  }
}

answerHelp(USAGE);
pictures().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
