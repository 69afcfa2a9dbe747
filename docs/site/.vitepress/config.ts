/**
 * The repository's documents as a site: the same files, with a search and a list of pages. A link that leads nowhere fails
 * the build. Nothing is loaded from another host.
 */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { defineConfig } from 'vitepress';

const ROOT = resolve(import.meta.dirname, '../../..');
/** Where the repository is seen on the web, for links to files that are no documents. */
const SOURCE = process.env.SOURCE_URL ?? '';

const PLUGINS = ['token-manager', 'quota', 'response-filter', 'pii-log', 'login', 'user-token', 'gateway'];
const page = (file: string) => ({
  text: titleOf(file),
  link: `/${file.replace(/README\.md$/, '').replace(/\.md$/, '')}`,
});
const pages = (...files: string[]) => files.filter((file) => existsSync(join(ROOT, file))).map(page);

function titleOf(file: string): string {
  return /^# (.*)$/m.exec(readFileSync(join(ROOT, file), 'utf8'))?.[1] ?? file;
}

export default defineConfig({
  title: 'Genesys Cloud behind Kong',
  description: 'Kong Gateway plugins for Genesys Cloud: tokens, limits, fields and an audit log without personal data',
  base: process.env.BASE_PATH ?? '/',
  srcDir: '.pages',
  outDir: './dist',
  cacheDir: './.cache',
  // A folder's page, as forges show it.
  rewrites: (id) => id.replace(/README\.md$/, 'index.md'),
  cleanUrls: true,
  lastUpdated: false,
  markdown: {
    // Anchors as forges make them, so that a link leads to the same place on both.
    anchor: {
      slugify: (heading) =>
        heading
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replaceAll(' ', '-'),
    },
    config(md) {
      // Two braces in a text are text, such as an expression of decK's, and not one of the site's own.
      for (const kind of ['text', 'code_inline'] as const) {
        const render = md.renderer.rules[kind];
        md.renderer.rules[kind] = (...args) => (render?.(...args) ?? '').replaceAll('{{', '&#123;&#123;');
      }
      // Files of the repository that are no pages: to where the repository is seen, or to nothing.
      md.core.ruler.push('files', (state) => {
        const here = dirname(resolve(ROOT, state.env.relativePath ?? ''));
        for (const token of state.tokens.flatMap(({ children }) => children ?? [])) {
          const href = token.attrGet('href');
          if (token.type !== 'link_open' || href === null || /^([a-z]+:|#)/.test(href)) continue;
          const path = relative(ROOT, resolve(here, href.split('#')[0] ?? ''));
          if (/\.md$/.test(path)) token.attrSet('href', href.replace('README.md', 'index.md'));
          else token.attrSet('href', SOURCE === '' ? `#${basename(path)}` : `${SOURCE}/${path}`);
        }
        return true;
      });
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: [
      { text: 'Start', items: pages('README.md', 'examples/README.md', 'docs/start.md') },
      { text: 'Plugins', items: pages(...PLUGINS.map((name) => `plugins/genesys-${name}/README.md`)) },
      {
        text: 'How to',
        items: pages(
          ...[
            'how-to',
            'routes',
            'genesys-tools',
            'user-apps',
            'data-actions',
            'rotation',
            'deck',
            'redis',
            'migration',
          ].map((name) => `docs/${name}.md`),
        ),
      },
      {
        text: 'Run it',
        items: pages(
          ...['docs/kong-versions.md', 'docs/konnect.md', 'kong/kubernetes/README.md', 'docs/plugin-servers.md'],
          ...['docs/upgrade.md', 'kong/observability/README.md', 'kong/page/README.md', 'docs/runbook.md'],
        ),
      },
      {
        text: 'Look up',
        items: pages('docs/command-line.md', 'docs/faq.md', 'docs/limits.md', 'CHANGELOG.md'),
      },
      {
        text: 'How it works',
        items: pages('docs/architecture.md', 'docs/security.md', 'CONTRIBUTING.md', 'SECURITY.md'),
      },
    ],
  },
});
