/** The repository's documents, as far as tests look into them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');

/** A document, by its path from the repository's root. */
export interface Document {
  file: string;
  text: string;
}

/** Folders that hold what others wrote, or what is made. */
const LEFT_OUT = new Set(['node_modules', 'dist', '.git', '.pages']);

/** Every document of the repository. */
export function readDocuments(folder = ''): Document[] {
  return readdirSync(resolve(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = join(folder, entry.name);
    if (entry.isDirectory()) return LEFT_OUT.has(entry.name) ? [] : readDocuments(file);
    return entry.name.endsWith('.md') ? [{ file, text: readFileSync(resolve(ROOT, file), 'utf8') }] : [];
  });
}

/** A block of code between fences. */
export interface CodeBlock {
  language: string;
  text: string;
}

/** The blocks of code of a document. */
export function codeBlocks(text: string): CodeBlock[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', code = '']) => ({
    language,
    text: code,
  }));
}

/** A document without its blocks and spans of code. */
export function withoutCode(text: string): string {
  return text.replace(/^```.*?^```$/gms, '').replace(/`[^`\n]*`/g, '');
}

/** A heading's anchor, as Git hosts make it. */
export function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

/** The anchors of a document's headings. */
export function anchorsOf(text: string): string[] {
  const headings = text.replace(/^```.*?^```$/gms, '').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading = '']) => anchorOf(heading));
}
