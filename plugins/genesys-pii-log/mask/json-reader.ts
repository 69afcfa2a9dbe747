/**
 * Reads a JSON text from its beginning to where enough has been put out: a body of 10 MB costs no more than what is logged
 * of it, digits of any number stay exact, and the work can be done in slices. What comes out is JSON, with its structure
 * and order, and without white space. What is shown of it, the classes that extend this one decide.
 */
import { OMITTED } from './masks.js';
import { pointerTo } from './paths.js';
import type { Masking } from './rules.js';

/** Deeper values are not shown. */
const MAX_DEPTH = 64;

/** A container that is being read. */
export interface Frame {
  isObject: boolean;
  /** Of the next element. */
  index: number;
  empty: boolean;
  pointer: string;
}

export type JsonResult = 'going on' | 'done' | 'full' | 'cut' | 'invalid';

export interface JsonMaskerOptions {
  /** Stops when so many characters have been put out. */
  maxOutput: number;
  /** Whether the text is only the beginning of the document. */
  isCut: boolean;
  /** What JSONPaths lead to. */
  pointers?: ReadonlyMap<string, string>;
  /** Within how many texts this one stands. */
  nesting?: number;
  /** Only with `values: allow`. */
  explain?: Explain;
}

/** Is told of a value: its JSON Pointer, whether it is shown, and why. */
export type Explain = (pointer: string, isShown: boolean, why: string) => void;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
// biome-ignore lint/suspicious/noControlCharactersInRegex: what JSON does not allow in a string
const PLAIN = /[^"\\\x00-\x1f]*/y;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

export abstract class JsonReader<F extends Frame> {
  protected readonly text: string;
  protected readonly masking: Masking;
  protected readonly options: JsonMaskerOptions;
  protected index = 0;
  readonly #stack: F[] = [];
  readonly #pointed: boolean;
  #parts = '';
  /** The stretch of the text that is put out next, as it is: most of a document is. */
  #keptFrom = 0;
  #keptTo = 0;
  #length = 0;
  /** Whether the first document is no container. */
  #beganAsScalar = false;

  constructor(text: string, masking: Masking, options: JsonMaskerOptions) {
    this.text = text;
    this.masking = masking;
    this.options = options;
    this.#pointed = options.pointers !== undefined || options.explain !== undefined;
  }

  /** Reads a document that is no member and no element. */
  protected abstract document(): void;
  /** Reads a key, a colon and a value. */
  protected abstract member(frame: F): void;
  /** Reads an element of a list. */
  protected abstract element(frame: F, index: number): void;

  /** What has been put out. */
  get output(): string {
    this.#flush();
    return this.#parts;
  }

  /**
   * Goes on for about so many characters of the text.
   * `full`: enough has been put out; `cut`: the text ended before the document.
   */
  run(characters: number): JsonResult {
    const until = this.index + characters;
    const { maxOutput } = this.options;
    try {
      while (this.index < until) {
        if (this.#length >= maxOutput) return 'full';
        if (!this.#step()) return 'done';
      }
      return this.#length >= maxOutput ? 'full' : 'going on';
    } catch (error) {
      if (error instanceof UnexpectedEnd && this.options.isCut) return 'cut';
      if (error instanceof SyntaxFault || error instanceof UnexpectedEnd) return 'invalid';
      throw error;
    }
  }

  /** How many more characters are wanted. */
  protected get room(): number {
    return this.options.maxOutput - this.#length;
  }

  /** Ends the output: what follows would stand behind a gap. */
  protected endOutput(): void {
    this.#length = Number.POSITIVE_INFINITY;
  }

  /** Reads one value or the end of a container; false at the end of the text. */
  #step(): boolean {
    this.skipSpace();
    const frame = this.#stack.at(-1);
    if (frame === undefined) return this.#document();
    const code = this.text.charCodeAt(this.index);
    if (code === (frame.isObject ? CLOSE_BRACE : CLOSE_BRACKET)) {
      this.index++;
      this.keep(this.index - 1);
      this.#stack.pop();
      return true;
    }
    if (!frame.empty) {
      this.#expect(COMMA);
      this.keep(this.index - 1);
      this.skipSpace();
    }
    frame.empty = false;
    if (frame.isObject) {
      if (this.peek() !== '"') throw new SyntaxFault();
      this.member(frame);
    } else this.element(frame, frame.index++);
    return true;
  }

  /** Several documents one after the other are lines of JSON. */
  #document(): boolean {
    if (this.index >= this.text.length) {
      if (this.#length === 0 || this.options.isCut) throw new UnexpectedEnd();
      return false;
    }
    // Lines of JSON hold objects and lists. Were they scalars, the groups of a telephone number would be documents.
    const isScalar = !/[[{]/.test(this.peek());
    if (this.#length > 0) {
      if (isScalar || this.#beganAsScalar) throw new SyntaxFault();
      this.put('\n');
    }
    this.#beganAsScalar = isScalar;
    this.document();
    return true;
  }

  /** Goes behind the colon after a key. */
  protected colon(): void {
    this.skipSpace();
    this.#expect(COLON);
    this.keep(this.index - 1);
    this.skipSpace();
  }

  /** Whether a container begins here. */
  protected atContainer(): boolean {
    const code = this.text.charCodeAt(this.index);
    return code === OPEN_BRACE || code === OPEN_BRACKET;
  }

  protected atObject(): boolean {
    return this.text.charCodeAt(this.index) === OPEN_BRACE;
  }

  /** Enters a container, or leaves out what is too deep. */
  protected enter(frame: (isObject: boolean) => F): void {
    if (this.#stack.length >= MAX_DEPTH) {
      this.#skipContainer();
      this.masking.tally.add('depth');
      this.put(JSON.stringify(OMITTED));
      return;
    }
    const isObject = this.text.charCodeAt(this.index) === OPEN_BRACE;
    this.index++;
    this.keep(this.index - 1);
    this.#stack.push(frame(isObject));
  }

  /** Reads a string with its quotes. */
  protected stringToken(): string {
    const start = this.index++;
    for (;;) {
      PLAIN.lastIndex = this.index;
      PLAIN.test(this.text);
      this.index = PLAIN.lastIndex;
      const code = this.text.charCodeAt(this.index);
      if (code === QUOTE) {
        this.index++;
        return this.text.slice(start, this.index);
      }
      this.peek();
      if (code !== BACKSLASH) throw new SyntaxFault();
      this.index++;
      this.peek();
      this.index++;
    }
  }

  protected numberToken(): string {
    NUMBER.lastIndex = this.index;
    const token = NUMBER.exec(this.text)?.[0];
    if (token === undefined) throw this.index >= this.text.length ? new UnexpectedEnd() : new SyntaxFault();
    this.index += token.length;
    // Its digits may go on beyond the cut.
    if (this.index >= this.text.length && this.options.isCut) throw new UnexpectedEnd();
    return token;
  }

  /** Reads `true`, `false` or `null`; undefined if there is none of them. */
  protected word(): 'true' | 'false' | 'null' | undefined {
    const code = this.text.charCodeAt(this.index);
    const word = code === 0x74 ? 'true' : code === 0x66 ? 'false' : code === 0x6e ? 'null' : undefined;
    if (word === undefined) return undefined;
    if (this.text.startsWith(word, this.index)) this.index += word.length;
    else if (word.startsWith(this.text.slice(this.index))) throw new UnexpectedEnd();
    else throw new SyntaxFault();
    return word;
  }

  /** Goes behind a container, without a look at what is in it. */
  #skipContainer(): void {
    for (let depth = 0; ; ) {
      const character = this.peek();
      if (character === '"') {
        this.stringToken();
        continue;
      }
      this.index++;
      if (character === '{' || character === '[') depth++;
      else if (character === '}' || character === ']') depth--;
      if (depth === 0) return;
    }
  }

  /** A value's JSON Pointer, where anybody asks for it. */
  protected pointer(frame: F, key: string | number): string {
    return this.#pointed ? pointerTo(frame.pointer, key) : '';
  }

  #expect(code: number): void {
    if (this.text.charCodeAt(this.index) !== code) {
      this.peek();
      throw new SyntaxFault();
    }
    this.index++;
  }

  protected peek(): string {
    const character = this.text[this.index];
    if (character === undefined) throw new UnexpectedEnd();
    return character;
  }

  protected skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.index);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.index++;
    }
  }

  /** Puts out what was read last, from a place on, as it is. */
  protected keep(from: number): void {
    if (from !== this.#keptTo) {
      this.#flush();
      this.#keptFrom = from;
    }
    this.#keptTo = this.index;
    this.#length += this.index - from;
  }

  /** Puts out something else. */
  protected put(part: string): void {
    this.#flush();
    this.#parts += part;
    this.#length += part.length;
  }

  #flush(): void {
    if (this.#keptTo > this.#keptFrom) this.#parts += this.text.slice(this.#keptFrom, this.#keptTo);
    this.#keptFrom = this.#keptTo;
  }
}

export class SyntaxFault extends Error {}
export class UnexpectedEnd extends Error {}

/** The text of a string's token. */
export function unquoted(token: string): string {
  if (!token.includes('\\')) return token.slice(1, -1);
  try {
    return JSON.parse(token) as string;
  } catch {
    throw new SyntaxFault();
  }
}
