/**
 * From the bytes of a body to what is logged of it: masked first, cut then. Only as much is read as is logged, in slices
 * between which the process does other work.
 */

import type { Beginning } from '../../shared/http/content-coding.js';
import { type MediaType, parseMediaType } from '../../shared/http/media-type.js';
import { AllowedJsonMasker } from '../mask/allowed-json.js';
import { maskBeginning } from '../mask/beginning.js';
import { JsonMasker } from '../mask/json.js';
import type { Explain, JsonMaskerOptions } from '../mask/json-reader.js';
import { findTextHits } from '../mask/labels.js';
import { parseDocument } from '../mask/paths.js';
import type { Masking } from '../mask/rules.js';
import { Tally } from '../mask/tally.js';
import { maskMediaType, maskName } from '../mask/values.js';
import { decompress, decompressBrotli } from './decompress.js';
import { formDocument, maskForm } from './form.js';
import { type BodyKind, declaredKind } from './kind.js';
import { listParts } from './multipart.js';
import { otherWork, QUICK_SLICE, SLICE } from './slices.js';

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
    | 'slow_pattern'
    /** Text with `values: allow`, tables and YAML always. */
    | 'free_text';
}

/** Larger bodies are not read: only their size is logged. */
export const HARD_LIMIT = 16 * 1024 * 1024;
/** No more of a body is looked at, compressed or not; what is logged of it is at most a quarter of that. */
export const WINDOW = 512 * 1024;
/** JSONPath needs the whole document in memory and in one go. */
const MAX_JSONPATH_BYTES = 64 * 1024;

/**
 * Masks a body.
 * @param maxBytes of content that is logged, in UTF-8
 * @param explain is told why each value of JSON is shown or masked, with `values: allow`
 * @throws SlowPattern if patterns take too long
 */
export async function logBody(
  body: CapturedBody,
  masking: Masking,
  maxBytes: number,
  explain?: Explain,
): Promise<LoggedBody> {
  const media = parseMediaType(body.contentType);
  const about = {
    size: body.size,
    ...(media.type === '' ? {} : { contentType: maskMediaType(media.type, masking) }),
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
  if (read.text.length > SLICE) await otherWork();
  const logged = await logText(read, declared, masking, maxBytes, explain, NAMELESS.test(media.type));
  return { ...about, ...logged };
}

/** A table has its names in another line than its values, so names say nothing; YAML may, too. */
const NAMELESS = /[/+](?:csv|tab-separated-values|x-yaml|yaml)$/;

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
  const broken = text.includes('\ufffd') ? text.slice(0, 4096).split('\ufffd').length - 1 : 0;
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
  explain: Explain | undefined,
  isTable: boolean,
): Promise<LoggedText> {
  if (read.text === '')
    return { ...(declared === undefined ? {} : { kind: declared }), content: '', truncated: read.isCut };
  // Clients that send JSON as a form are common.
  if (declared === 'json' || /^\s*[[{]/.test(read.text)) {
    const logged = await logJson(read, masking, maxBytes, explain);
    if (logged !== undefined) return logged;
    // Where paths would lead in it cannot be known, nor which names its values have.
    if (masking.rules.allowed !== undefined || !masking.rules.paths.isEmpty) {
      return { kind: 'json', truncated: true, omitted: 'unreadable' };
    }
  }
  if (declared === 'form') return logForm(read, masking, maxBytes);
  if (masking.rules.allowed !== undefined || isTable) return { kind: 'text', truncated: false, omitted: 'free_text' };
  const { text, isCut } = maskBeginning(read.text, maxBytes, masking, findTextHits);
  // The end of the window is an end only if the body ends there.
  const unfinished = read.isCut && !isCut;
  const shown = unfinished ? text.slice(0, Math.max(0, text.length - 1024)) : text;
  return { kind: 'text', ...cut(shown, maxBytes, isCut || read.isCut) };
}

/** Undefined if it is no JSON. */
async function logJson(
  { text, isCut }: Text,
  masking: Masking,
  maxBytes: number,
  explain: Explain | undefined,
): Promise<LoggedText | undefined> {
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
  const options = {
    maxOutput: maxBytes + 1,
    isCut,
    ...(pointers === undefined ? {} : { pointers }),
    ...(explain && { explain }),
  };
  const masker = jsonMasker(text, { ...masking, tally }, options);
  const slice = masking.rules.allowed === undefined ? SLICE : QUICK_SLICE;
  let result = masker.run(slice);
  while (result === 'going on') {
    await otherWork();
    result = masker.run(slice);
  }
  if (result === 'invalid') return undefined;
  masking.tally.addAll(tally);
  return { kind: 'json', ...cut(masker.output, maxBytes, result !== 'done') };
}

function jsonMasker(text: string, masking: Masking, options: JsonMaskerOptions): AllowedJsonMasker | JsonMasker {
  const { allowed } = masking.rules;
  return allowed === undefined
    ? new JsonMasker(text, masking, options)
    : new AllowedJsonMasker(text, masking, options, allowed);
}

async function logForm(read: Text, masking: Masking, maxBytes: number): Promise<LoggedText> {
  const { paths } = masking.rules;
  let pointers: ReadonlyMap<string, string> | undefined;
  if (paths.needsDocument) {
    if (read.isCut || read.text.length > MAX_JSONPATH_BYTES) {
      return { kind: 'form', truncated: true, omitted: 'too_large_for_jsonpath' };
    }
    pointers = await paths.pointersIn(formDocument(read.text));
  }
  const { text, isCut } = await maskForm(read, masking, pointers, maxBytes);
  return { kind: 'form', ...cut(text, maxBytes, isCut) };
}

function logParts(
  { bytes, isCut }: Beginning,
  { boundary }: MediaType,
  masking: Masking,
): Pick<LoggedBody, 'parts' | 'truncated' | 'omitted'> {
  if (boundary === undefined || boundary === '') return { truncated: false, omitted: 'unreadable' };
  const parts = listParts(bytes, boundary).map(({ name, contentType, isFile, size }) => ({
    ...(name === undefined ? {} : { name: maskName(name, masking) }),
    ...(contentType === undefined ? {} : { contentType: maskMediaType(contentType, masking) }),
    ...(isFile ? { file: true as const } : {}),
    size,
  }));
  return { parts, truncated: isCut };
}

const ENCODER = new TextEncoder();

/** Returns the first bytes of a text that is masked. No character is cut in two, and no half of one is left. */
function cut(text: string, maxBytes: number, isCut: boolean): { content: string; truncated: boolean } {
  if (text.length <= maxBytes && Buffer.byteLength(text) <= maxBytes) {
    return { content: text.toWellFormed(), truncated: isCut };
  }
  const bytes = new Uint8Array(maxBytes);
  const { written } = ENCODER.encodeInto(text, bytes);
  return { content: Buffer.from(bytes.buffer, 0, written).toString('utf8'), truncated: true };
}
