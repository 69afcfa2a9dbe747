/**
 * From the bytes of a body to what is logged of it: masked first, cut then. Only as much is read as is logged, in slices
 * between which the process does other work.
 */

import type { Beginning } from '../../shared/http/content-coding.js';
import { type MediaType, parseMediaType } from '../../shared/http/media-type.js';
import { maskBeginning } from '../mask/beginning.js';
import { JsonMasker, maskJsonString, maskWhole } from '../mask/json.js';
import { findTextHits } from '../mask/labels.js';
import { REDACTED } from '../mask/masks.js';
import { parseDocument, pointerTo } from '../mask/paths.js';
import type { Masking } from '../mask/rules.js';
import { Tally } from '../mask/tally.js';
import { maskText } from '../mask/text.js';
import { decompress, decompressBrotli } from './decompress.js';
import { type BodyKind, declaredKind } from './kind.js';
import { listParts } from './multipart.js';

/** A body as it went over the wire. */
export interface CapturedBody {
  /** All of it, or its beginning. */
  bytes: Buffer;
  /** Of the whole body, in bytes. */
  size: number;
  contentType: string | undefined;
  contentEncoding: string | undefined;
}

/** What is logged of a body. */
export interface LoggedBody {
  /** Undefined if the body was not looked at. */
  kind?: BodyKind;
  /** In bytes, as it went over the wire; undefined if it is not known. */
  size?: number;
  contentType?: string;
  content?: string;
  parts?: { name?: string; contentType?: string; file?: true; size: number }[];
  truncated: boolean;
  /** Why there is no content. */
  omitted?:
    | 'too_large'
    | 'encoding'
    | 'binary'
    | 'charset'
    | 'overload'
    | 'unreadable'
    | 'too_large_for_jsonpath'
    | 'slow_pattern';
}

/** Larger bodies are not read: only their size is logged. */
export const HARD_LIMIT = 16 * 1024 * 1024;
/** No more of a body is looked at, compressed or not; what is logged of it is at most a quarter of that. */
export const WINDOW = 512 * 1024;
/** JSONPath needs the whole document in memory and in one go. */
const MAX_JSONPATH_BYTES = 64 * 1024;
/** So many characters are masked before the process does other work: access events of other requests wait meanwhile. */
const SLICE = 4 * 1024;

/**
 * Masks a body.
 * @param maxBytes of content that is logged, in UTF-8
 * @throws SlowPattern if patterns take too long
 */
export async function logBody(body: CapturedBody, masking: Masking, maxBytes: number): Promise<LoggedBody> {
  const media = parseMediaType(body.contentType);
  const about = {
    size: body.size,
    ...(media.type === '' ? {} : { contentType: maskText(media.type.slice(0, 100), masking) }),
  };
  if (body.size > HARD_LIMIT) return { ...about, truncated: true, omitted: 'too_large' };
  const declared = declaredKind(media);
  if (declared === 'binary') return { ...about, kind: 'binary', truncated: false };
  if (body.bytes.length === 0 && body.size > 0) return { ...about, truncated: true, omitted: 'unreadable' };
  const sent = { bytes: body.bytes, isCut: body.bytes.length < body.size };
  const beginning = await decompress(sent, body.contentEncoding ?? '', WINDOW);
  if (beginning === undefined) return { ...about, truncated: false, omitted: 'encoding' };
  if (declared === 'multipart') return { ...about, kind: 'multipart', ...logParts(beginning, media, masking) };
  const read = await readText(beginning, media, declared);
  if (typeof read === 'string')
    return { ...about, kind: 'binary', truncated: false, ...(read === 'binary' ? {} : { omitted: read }) };
  await otherWork();
  const logged = await logText(read, declared, masking, maxBytes);
  return { ...about, ...logged };
}

interface Text {
  text: string;
  isCut: boolean;
}

/** @returns why it cannot be read, if it cannot */
async function readText(
  beginning: Beginning,
  media: MediaType,
  declared: BodyKind | undefined,
): Promise<Text | 'binary' | 'charset'> {
  const first = decodeText(beginning, media.charset);
  if (typeof first === 'object' || first === 'charset' || declared === undefined) return first;
  // A plugin that rewrites the answer clears its encoding, and what is logged is the service's own.
  const inflated = await decompressBrotli(beginning, WINDOW);
  return inflated === undefined ? first : decodeText(inflated, media.charset);
}

function decodeText({ bytes, isCut }: Beginning, charset: string | undefined): Text | 'binary' | 'charset' {
  let text: string;
  try {
    const beginning = bytes.subarray(0, WINDOW);
    text = charset === undefined || charset === 'utf-8' ? utf8(beginning) : new TextDecoder(charset).decode(beginning);
  } catch {
    return 'charset';
  }
  if (text.includes('\0')) return 'binary';
  const broken = text.slice(0, 4096).split('\ufffd').length - 1;
  // What is no text cannot be proven clean.
  if (broken > 8 + Math.min(text.length, 4096) / 50) return 'binary';
  return { text, isCut: isCut || bytes.length > WINDOW };
}

function utf8(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.startsWith('\ufeff') ? text.slice(1) : text;
}

type LoggedText = Pick<LoggedBody, 'kind' | 'content' | 'truncated' | 'omitted'>;

async function logText(
  read: Text,
  declared: BodyKind | undefined,
  masking: Masking,
  maxBytes: number,
): Promise<LoggedText> {
  if (read.text === '')
    return { ...(declared === undefined ? {} : { kind: declared }), content: '', truncated: read.isCut };
  // Clients that send JSON as a form are common.
  if (declared === 'json' || /^\s*[[{]/.test(read.text)) {
    const logged = await logJson(read, masking, maxBytes);
    if (logged !== undefined) return logged;
    // Where paths would lead in it cannot be known.
    if (!masking.rules.paths.isEmpty) return { kind: 'json', truncated: true, omitted: 'unreadable' };
  }
  if (declared === 'form') return logForm(read, masking, maxBytes);
  const { text, isCut } = maskBeginning(read.text, maxBytes, masking, findTextHits);
  // The end of the window is an end only if the body ends there.
  const unfinished = read.isCut && !isCut;
  const shown = unfinished ? text.slice(0, Math.max(0, text.length - 1024)) : text;
  return { kind: 'text', ...cut(shown, maxBytes, isCut || read.isCut) };
}

/** Undefined if it is no JSON. */
async function logJson({ text, isCut }: Text, masking: Masking, maxBytes: number): Promise<LoggedText | undefined> {
  const { paths } = masking.rules;
  let pointers: ReadonlyMap<string, string> | undefined;
  if (paths.needsDocument) {
    if (isCut || text.length > MAX_JSONPATH_BYTES) {
      return { kind: 'json', truncated: true, omitted: 'too_large_for_jsonpath' };
    }
    const document = parseDocument(text);
    if (document === undefined) return undefined;
    pointers = await paths.pointersIn(document);
  }
  const tally = new Tally();
  const options = { maxOutput: maxBytes + 1, isCut, ...(pointers === undefined ? {} : { pointers }) };
  const masker = new JsonMasker(text, { ...masking, tally }, options);
  let result = masker.run(SLICE);
  while (result === 'going on') {
    await otherWork();
    result = masker.run(SLICE);
  }
  if (result === 'invalid') return undefined;
  masking.tally.addAll(tally);
  return { kind: 'json', ...cut(masker.output, maxBytes, result !== 'done') };
}

/** Every parameter as a member of a JSON document would be. */
async function logForm({ text, isCut }: Text, masking: Masking, maxBytes: number): Promise<LoggedText> {
  const { fields, paths } = masking.rules;
  if (paths.needsDocument && (isCut || text.length > MAX_JSONPATH_BYTES)) {
    return { kind: 'form', truncated: true, omitted: 'too_large_for_jsonpath' };
  }
  const pointers = paths.needsDocument ? await paths.pointersIn(formDocument(text)) : undefined;
  const shown: string[] = [];
  let length = 0;
  let sinceTurn = 0;
  for (let from = 0; from <= text.length; ) {
    const next = text.indexOf('&', from);
    // The last one may go on beyond the window.
    if (next === -1 && isCut) break;
    const pair = text.slice(from, next === -1 ? text.length : next);
    from += pair.length + 1;
    if (length > maxBytes) return { kind: 'form', ...cut(shown.join('&'), maxBytes, true) };
    if (sinceTurn > SLICE) {
      await otherWork();
      sinceTurn = 0;
    }
    sinceTurn += pair.length;
    const equals = pair.indexOf('=');
    const name = decodeForm(equals === -1 ? pair : pair.slice(0, equals));
    const value = equals === -1 ? undefined : decodeForm(pair.slice(equals + 1));
    const room = maxBytes - length + 1;
    const maskedName = maskJsonString(name, masking, 0, room).text;
    if (value === undefined) shown.push(encodeForm(maskedName));
    else {
      const rule = fields.ruleOfPath(name);
      const path = paths.step(paths.start, name).hit ?? pointers?.get(pointerTo('', name));
      let masked: { text: string; isCut: boolean };
      if (value === '') masked = { text: '', isCut: false };
      else if (rule?.kind === 'credential') masked = { text: REDACTED, isCut: false };
      else if (rule !== undefined || path !== undefined) masked = { text: maskWhole(value, masking), isCut: false };
      else masked = maskJsonString(value, masking, 0, room);
      if (value !== '' && (rule !== undefined || path !== undefined)) {
        masking.tally.add(
          rule === undefined ? `path:${path}` : rule.kind === 'field' ? `field:${rule.name}` : 'credential',
        );
      }
      shown.push(`${encodeForm(maskedName)}=${encodeForm(masked.text)}`);
      if (masked.isCut) return { kind: 'form', ...cut(shown.join('&'), maxBytes, true) };
    }
    length += (shown.at(-1)?.length ?? 0) + 1;
  }
  return { kind: 'form', ...cut(shown.join('&'), maxBytes, isCut) };
}

function formDocument(text: string): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(text));
}

function decodeForm(text: string): string {
  return new URLSearchParams(`a=${text.replaceAll('&', '%26')}`).get('a') ?? '';
}

/** As forms are written, but that masks stay readable. */
function encodeForm(text: string): string {
  return encodeURIComponent(wellFormed(text)).replaceAll('%20', '+');
}

function logParts(
  { bytes, isCut }: Beginning,
  { boundary }: MediaType,
  masking: Masking,
): Pick<LoggedBody, 'parts' | 'truncated' | 'omitted'> {
  if (boundary === undefined || boundary === '') return { truncated: false, omitted: 'unreadable' };
  const parts = listParts(bytes, boundary).map(({ name, contentType, isFile, size }) => ({
    ...(name === undefined ? {} : { name: maskText(name, masking) }),
    ...(contentType === undefined ? {} : { contentType: maskText(contentType.slice(0, 100), masking) }),
    ...(isFile ? { file: true as const } : {}),
    size,
  }));
  return { parts, truncated: isCut };
}

/** The first bytes of a text that is masked. */
function cut(text: string, maxBytes: number, isCut: boolean): { content: string; truncated: boolean } {
  const whole = wellFormed(text);
  if (Buffer.byteLength(whole) <= maxBytes) return { content: whole, truncated: isCut };
  const bytes = Buffer.from(whole).subarray(0, maxBytes);
  let end = bytes.length;
  // A character is not cut in two.
  const next = Buffer.from(whole)[end] ?? 0;
  if ((next & 0xc0) === 0x80) {
    while (end > 0 && ((bytes[end - 1] ?? 0) & 0xc0) === 0x80) end--;
    end = Math.max(0, end - 1);
  }
  return { content: bytes.toString('utf8', 0, end), truncated: true };
}

/** Without halves of characters, which no UTF-8 can carry. */
function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

/** Lets the process do what has come in between. */
function otherWork(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
