/**
 * The audit trail: one JSON object a line, each with the hash of the one before, so that no line can be changed, removed
 * or put in without all that follow being wrong. How far it reaches stands in a second file, so that cutting its end off
 * is seen too. With a key the hashes are HMACs, and whoever may write the files but lacks the key cannot forge them.
 */
import { createHash, createHmac } from 'node:crypto';
import { appendFileSync, closeSync, fsyncSync, mkdirSync, openSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import type { Effects } from './effects.js';
import { messageOf } from './failure.js';
import { readIfThere, replaceFile } from './files.js';
import type { Http } from './http.js';
import { signedHeaders } from './signature.js';

/** What happened. Never a secret. */
export interface AuditEvent {
  rotation: string;
  strategy: string;
  target: string;
  step: string;
  event: string;
  details?: Record<string, unknown>;
}

export interface AuditEntry extends AuditEvent {
  seq: number;
  at: string;
  /** Of the entry before; of the first, zeros. */
  prev: string;
  hash: string;
}

/** How far the trail reaches, and how far the webhook has it. */
interface Head {
  seq: number;
  hash: string;
  delivered: number;
}

const NOTHING: Head = { seq: 0, hash: '0'.repeat(64), delivered: 0 };

export interface Audit {
  path: string;
  /** Appends an entry; it is on disk when this returns. */
  append(event: AuditEvent): void;
  /** Sends to the webhook what it does not have yet. Never rejects: says what went wrong. */
  deliver(): Promise<string | undefined>;
}

/** The hash of an entry, over all of its other fields in the order of their names. */
export function hashOf(entry: Omit<AuditEntry, 'hash'>, key: string | undefined): string {
  const text = canonicalJson(entry);
  const digest = key === undefined ? createHash('sha256') : createHmac('sha256', key);
  return digest.update(text).digest('hex');
}

export function openAudit(
  folder: string,
  options: { key: string | undefined; webhook: { url: string; key: string } | undefined },
  http: Http,
  effects: Effects,
): Audit {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'audit.jsonl');
  const headPath = join(folder, 'audit.head.json');
  const readHead = (): Head => {
    const text = readIfThere(headPath);
    return text === undefined ? NOTHING : (JSON.parse(text) as Head);
  };

  return {
    path,
    append(event) {
      effects.checkpoint('before the audit entry');
      const text = wholeLines(path);
      const last = lastEntry(text) ?? { seq: NOTHING.seq, hash: NOTHING.hash };
      const at = new Date(effects.nowMs()).toISOString();
      const body = { seq: last.seq + 1, at, ...event, prev: last.hash };
      const entry: AuditEntry = { ...body, hash: hashOf(body, options.key) };
      appendSynced(path, `${JSON.stringify(entry)}\n`);
      effects.checkpoint('between the audit entry and its head');
      replaceFile(headPath, JSON.stringify({ ...readHead(), seq: entry.seq, hash: entry.hash }));
    },
    async deliver() {
      const { webhook } = options;
      if (webhook === undefined) return undefined;
      const { delivered } = readHead();
      for (const line of (readIfThere(path) ?? '').split('\n').slice(delivered)) {
        if (line === '') continue;
        try {
          const entry = JSON.parse(line) as AuditEntry;
          const headers = signedHeaders(webhook.key, line, effects.nowMs());
          await http.call({ method: 'POST', url: webhook.url, headers, body: entry, attempts: 4 });
          replaceFile(headPath, JSON.stringify({ ...readHead(), delivered: entry.seq }));
        } catch (error) {
          return `the audit webhook did not take an entry, which is sent again with the next: ${messageOf(error)}`;
        }
      }
      return undefined;
    },
  };
}

export type Verdict = { intact: true; entries: number; head: string } | { intact: false; problem: string };

/**
 * Looks for any change of a trail.
 * @param headText the second file; undefined if it is not there
 * @param expectedHead a hash known from elsewhere, such as the last one that the webhook received
 */
export function verifyTrail(
  text: string,
  headText: string | undefined,
  key: string | undefined,
  expectedHead?: string,
): Verdict {
  const broken = (problem: string): Verdict => ({ intact: false, problem });
  const lines = text.split('\n');
  if (lines.pop() !== '') return broken(`line ${lines.length + 1} is cut off`);
  let prev = NOTHING.hash;
  const hashes: string[] = [];
  for (const [index, line] of lines.entries()) {
    const entry = parseEntry(line);
    const where = `line ${index + 1}`;
    if (entry === undefined) return broken(`${where} is not an entry`);
    const { hash, ...body } = entry;
    if (entry.seq !== index + 1) return broken(`${where} has the number ${entry.seq}`);
    if (entry.prev !== prev) return broken(`${where} does not follow the line before it`);
    if (hashOf(body, key) !== hash)
      return broken(`${where} was changed${key === undefined ? '' : ', or the key is another'}`);
    prev = hash;
    hashes.push(hash);
  }
  const head = headText === undefined ? undefined : (JSON.parse(headText) as Head);
  if (head === undefined)
    return lines.length === 0 ? { intact: true, entries: 0, head: prev } : broken('its head is missing');
  // A crash may leave the head one entry behind, never before.
  if (head.seq > hashes.length) return broken(`its end is missing: ${hashes.length} of ${head.seq} entries are there`);
  if (head.seq < hashes.length - 1) return broken(`${hashes.length - head.seq} entries were added after its head`);
  if (head.seq > 0 && hashes[head.seq - 1] !== head.hash) return broken(`entry ${head.seq} is not the one of its head`);
  if (expectedHead !== undefined && !hashes.includes(expectedHead)) return broken('the expected entry is not in it');
  return { intact: true, entries: hashes.length, head: prev };
}

/** The text up to the last whole line: a crash of the machine may have left half a line, which nobody was told of. */
function wholeLines(path: string): string {
  const text = readIfThere(path) ?? '';
  const end = text.lastIndexOf('\n') + 1;
  if (end < text.length) truncateSync(path, Buffer.byteLength(text.slice(0, end)));
  return text.slice(0, end);
}

function lastEntry(text: string): AuditEntry | undefined {
  const line = text.trimEnd().split('\n').at(-1);
  if (line === undefined || line === '') return undefined;
  const entry = parseEntry(line);
  if (entry === undefined) throw new Error('the last line of the audit trail is not an entry: see rotate verify-audit');
  return entry;
}

function parseEntry(line: string): AuditEntry | undefined {
  try {
    const entry = JSON.parse(line) as AuditEntry;
    const isEntry = typeof entry === 'object' && entry !== null && typeof entry.seq === 'number';
    // Two keys of one name would be one after parsing: only the text that was written counts.
    return isEntry && JSON.stringify(entry) === line ? entry : undefined;
  } catch {
    return undefined;
  }
}

function appendSynced(path: string, text: string): void {
  const file = openSync(path, 'a', 0o600);
  try {
    appendFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return `{${entries
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, item]) => `${JSON.stringify(name)}:${canonicalJson(item)}`)
    .join()}}`;
}
