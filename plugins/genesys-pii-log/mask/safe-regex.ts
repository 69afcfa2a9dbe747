/**
 * Refuses regular expressions that a text can make run for ever. JavaScript's engine backtracks, and a log is written of
 * whatever a caller sends, so an expression must not take more than the square of a text's length.
 *
 * Conservative: a sound expression may be refused, and can be written otherwise. Refused are
 * - references to groups, which no bound holds for;
 * - a part that varies, or alternatives that begin alike, in a repetition of more than 16: `(a+)+`, `(a|ab)*`;
 * - two such repetitions of the same characters with nothing between that the first cannot match: `.*x.*`, `\d+\d+`;
 * - more than 64 characters behind such a repetition that it could match, too: `a+a{500}b`;
 * - more than 64 ways to read a text in small choices that overlap: `a?a?a?a?a?a?a?b`;
 * - a lookahead or lookbehind with a repetition that has no bound; bounds above 1000.
 *
 * What is left has at each place of a text one long way to go on, so a search is at most quadratic; texts are searched in
 * windows (patterns.ts). That can still be slow, so search-time.ts limits the time. Pure.
 */

/** Longer texts are searched in windows of this length. */
export const WINDOW = 1024;

/** Characters 0 to 127, and at 128 all others. */
type CharacterSet = Uint8Array;

interface Node {
  kind: 'set' | 'empty' | 'sequence' | 'choice' | 'repeat' | 'look';
  set?: CharacterSet;
  children?: Node[];
  min?: number;
  max?: number;
}

const MAX_LENGTH = 500;
const MAX_BOUND = 1000;
/** Repetitions up to this are taken as so many copies, one after the other. */
const MAX_SHORT = 16;
const MAX_PLACES = 2000;
const MAX_WAYS = 64;
/** Read anew for each length of a long repetition before them. */
const MAX_BEHIND = 64;
/** These take about a millisecond. */
const SHORT_SEARCH_STEPS = 400_000;
/** In a text of up to so many characters, such as an id, no expression took more than 3 ms when measured. */
const MIN_SHORT_LENGTH = 40;
const MAX_SHORT_LENGTH = 4096;

/**
 * Refuses an expression whose search could take more than the square of a text's length.
 * @returns a function that tells whether the search of a text is sure to take no more than about a millisecond
 * @throws Error with what is wrong, as the end of a sentence
 */
export function checkPattern(source: string): (text: string) => boolean {
  if (source.length > MAX_LENGTH) throw new Error(`is longer than ${MAX_LENGTH} characters`);
  const node = new Parser(source).parse();
  checkRepetitions(node);
  const places = flatten(node);
  const ways = checkNeighbours(places);
  const steps = ways * places.reduce((sum, { size }) => sum + Math.max(size, 1), 0);
  const length = Math.min(Math.max(SHORT_SEARCH_STEPS / steps, MIN_SHORT_LENGTH), MAX_SHORT_LENGTH);
  const entered = places.filter(isEnteredAnywhere);
  if (entered.length === 0) return (text) => text.length <= length;
  // From each character of a run that such a repetition matches, a search goes on to the end of the run.
  const anyLength = Math.max(Math.sqrt(SHORT_SEARCH_STEPS / steps), MIN_SHORT_LENGTH);
  const most = Math.min(length, WINDOW);
  const run = Math.max(Math.floor(SHORT_SEARCH_STEPS / steps / most), 1);
  const member = classOf(union(entered.map(({ set }) => set)));
  // Looked for from where runs begin: that takes time in the text's length alone.
  const longRun = new RegExp(`(?<!${member})${member}{${run + 1}}`, 'u');
  return (text) => text.length <= anyLength || (text.length <= most && !longRun.test(text));
}

class Parser {
  readonly #source: string;
  #index = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Node {
    const node = this.#choice();
    if (this.#index < this.#source.length) throw new Error('has a parenthesis that does not fit');
    return node;
  }

  #peek(): string {
    return this.#source[this.#index] ?? '';
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#index)) return false;
    this.#index += text.length;
    return true;
  }

  #choice(): Node {
    const branches = [this.#sequence()];
    while (this.#take('|')) branches.push(this.#sequence());
    return branches.length === 1 ? (branches[0] as Node) : { kind: 'choice', children: branches };
  }

  #sequence(): Node {
    const children: Node[] = [];
    while (this.#index < this.#source.length && this.#peek() !== '|' && this.#peek() !== ')') {
      children.push(this.#repeated(this.#atom()));
    }
    return { kind: 'sequence', children };
  }

  #repeated(node: Node): Node {
    const [text, min, max] = this.#quantifier();
    if (text === '') return node;
    this.#take('?');
    return { kind: 'repeat', children: [node], min, max };
  }

  #quantifier(): [text: string, min: number, max: number] {
    if (this.#take('*')) return ['*', 0, Number.POSITIVE_INFINITY];
    if (this.#take('+')) return ['+', 1, Number.POSITIVE_INFINITY];
    if (this.#take('?')) return ['?', 0, 1];
    const found = /^\{(\d{1,9})(,(\d{0,9}))?\}/.exec(this.#source.slice(this.#index));
    if (found === null) return ['', 1, 1];
    const [text, low, comma, high] = found;
    this.#index += text.length;
    const min = Number(low);
    const max = comma === undefined ? min : high === '' ? Number.POSITIVE_INFINITY : Number(high);
    if (min > MAX_BOUND || (max !== Number.POSITIVE_INFINITY && max > MAX_BOUND)) {
      throw new Error(`has a bound above ${MAX_BOUND}`);
    }
    return [text, min, max];
  }

  #atom(): Node {
    if (this.#take('(')) return this.#group();
    if (this.#take('[')) return { kind: 'set', set: this.#characterClass() };
    if (this.#take('.')) return { kind: 'set', set: full() };
    if (this.#take('^') || this.#take('$')) return { kind: 'empty' };
    if (this.#take('\\')) {
      const next = this.#peek();
      if (next === 'b' || next === 'B') {
        this.#index++;
        return { kind: 'empty' };
      }
      if (/[1-9]/.test(next) || next === 'k') throw new Error('refers back to a group');
      return { kind: 'set', set: this.#escape() };
    }
    const character = String.fromCodePoint(this.#source.codePointAt(this.#index) ?? 0);
    this.#index += character.length;
    return { kind: 'set', set: of(character) };
  }

  #group(): Node {
    let look = false;
    if (this.#take('?')) {
      if (this.#take('=') || this.#take('!') || this.#take('<=') || this.#take('<!')) look = true;
      else if (!this.#take(':')) {
        const name = /^<[^>]{1,64}>/.exec(this.#source.slice(this.#index));
        if (name === null) throw new Error('has a group of a kind that is not known here');
        this.#index += name[0].length;
      }
    }
    const inner = this.#choice();
    if (!this.#take(')')) throw new Error('has a parenthesis that does not fit');
    return look ? { kind: 'look', children: [inner] } : inner;
  }

  #characterClass(): CharacterSet {
    const negated = this.#take('^');
    const set = new Uint8Array(129);
    for (;;) {
      if (this.#index >= this.#source.length) throw new Error('has a bracket that does not fit');
      if (this.#take(']')) break;
      const [low, point] = this.#classMember();
      if (this.#peek() === '-' && this.#source[this.#index + 1] !== ']' && point !== undefined) {
        this.#index++;
        const [, highPoint] = this.#classMember();
        if (highPoint === undefined) throw new Error('has a range without an end');
        for (let code = point; code <= Math.min(highPoint, 127); code++) set[code] = 1;
        if (highPoint > 127) set[128] = 1;
      } else for (let code = 0; code <= 128; code++) set[code] = (set[code] ?? 0) | (low[code] ?? 0);
    }
    if (!negated) return set;
    // Beyond ASCII a set and its complement may both have members.
    return set.map((member, code) => (code === 128 ? 1 : 1 - member));
  }

  #classMember(): [set: CharacterSet, point: number | undefined] {
    if (this.#take('\\')) {
      if (this.#take('b')) return [of('\b'), 8];
      const from = this.#index;
      const set = this.#escape();
      const single = set.reduce((sum, member) => sum + member, 0) === 1 ? set.indexOf(1) : -1;
      const isCategory = /[dswpDSWP]/.test(this.#source[from] ?? '');
      return [set, single === -1 || isCategory ? undefined : single];
    }
    const point = this.#source.codePointAt(this.#index) ?? 0;
    const character = String.fromCodePoint(point);
    this.#index += character.length;
    return [of(character), point];
  }

  /** What stands behind a backslash. */
  #escape(): CharacterSet {
    const character = this.#peek();
    this.#index++;
    switch (character) {
      case 'd':
        return where((code) => /\d/.test(String.fromCharCode(code)), false);
      case 'D':
        return where((code) => /\D/.test(String.fromCharCode(code)), true);
      case 'w':
        return where((code) => /\w/.test(String.fromCharCode(code)), false);
      case 'W':
        return where((code) => /\W/.test(String.fromCharCode(code)), true);
      case 's':
        return where((code) => /\s/.test(String.fromCharCode(code)), true);
      case 'S':
        return where((code) => /\S/.test(String.fromCharCode(code)), true);
      case 'p':
      case 'P': {
        const name = /^\{[^}]{1,64}\}/.exec(this.#source.slice(this.#index));
        this.#index += name?.[0].length ?? 0;
        return full();
      }
      case 'u':
      case 'x':
      case 'c': {
        const code = /^(?:\{[0-9a-f]{1,6}\}|[0-9a-f]{4}|[0-9a-f]{2}|[a-z])/i.exec(this.#source.slice(this.#index));
        const text = character === 'x' ? code?.[0].slice(0, 2) : code?.[0];
        this.#index += text?.length ?? 0;
        if (character === 'c') return of(String.fromCharCode((text ?? '').charCodeAt(0) & 0x1f));
        const point = Number.parseInt((text ?? '').replace(/[{}]/g, ''), 16);
        return Number.isNaN(point) ? full() : of(String.fromCodePoint(Math.min(point, 0x10ffff)));
      }
      default:
        return of(CONTROLS[character] ?? character);
    }
  }
}

const CONTROLS: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f', v: '\v', '0': '\0' };

/** Refuses what varies in a long repetition, and what looks far around. */
function checkRepetitions(node: Node): void {
  if (node.kind === 'look' && hasUnbounded(node)) throw new Error('looks around with a repetition that has no bound');
  const [inner] = node.children ?? [];
  if (isLong(node) && inner !== undefined) {
    if (hasVariable(inner)) throw new Error('has a repetition within a repetition');
    if (hasAmbiguousChoice(inner)) throw new Error('repeats alternatives that can begin alike');
  }
  for (const child of node.children ?? []) checkRepetitions(child);
}

function isLong(node: Node): boolean {
  return node.kind === 'repeat' && (node.max ?? 1) > MAX_SHORT;
}

function hasUnbounded(node: Node): boolean {
  return (node.kind === 'repeat' && node.max === Number.POSITIVE_INFINITY) || (node.children ?? []).some(hasUnbounded);
}

/** Whether a part of it may match more or less. */
function hasVariable(node: Node): boolean {
  return (node.kind === 'repeat' && node.min !== node.max) || (node.children ?? []).some(hasVariable);
}

function hasAmbiguousChoice(node: Node): boolean {
  const children = node.children ?? [];
  if (node.kind === 'choice') {
    const firsts = children.map(firstSet);
    for (const [index, first] of firsts.entries()) {
      if (first === undefined) return true;
      if (firsts.slice(index + 1).some((other) => other === undefined || overlap(first, other))) return true;
    }
  }
  return children.some(hasAmbiguousChoice);
}

/** What a node can begin with; undefined if it may be empty. */
function firstSet(node: Node): CharacterSet | undefined {
  switch (node.kind) {
    case 'set':
      return node.set;
    case 'choice': {
      const firsts = (node.children ?? []).map(firstSet);
      return firsts.some((first) => first === undefined) ? undefined : union(firsts as CharacterSet[]);
    }
    case 'repeat':
      return node.min === 0 ? undefined : firstSet((node.children as Node[])[0] as Node);
    case 'sequence': {
      for (const child of node.children ?? []) {
        if (child.kind === 'empty' || child.kind === 'look') continue;
        return firstSet(child);
      }
      return undefined;
    }
    default:
      return undefined;
  }
}

/** A place in the order of the expression. */
interface Place {
  set: CharacterSet;
  /** A long repetition. */
  long: boolean;
  /** Something of it stands there in every match. */
  required: boolean;
  /** How many characters stand there at most; of a long repetition 0. */
  size: number;
  /** In how many ways it, and what follows of the same part, can be read. */
  ways: number;
}

/** The places of an expression, one after the other; those of alternatives may or may not be there. */
function flatten(node: Node): Place[] {
  switch (node.kind) {
    case 'set':
      return [{ set: node.set ?? full(), long: false, required: true, size: 1, ways: 1 }];
    case 'sequence':
      return bounded((node.children ?? []).flatMap(flatten));
    case 'choice': {
      const ways = hasAmbiguousChoice({ kind: 'choice', children: node.children ?? [] }) ? node.children?.length : 1;
      const places = bounded((node.children ?? []).flatMap(flatten));
      return places.map((place, index) => optional(place, index === 0 ? (ways ?? 1) : 1));
    }
    case 'repeat':
      return flattenRepeat((node.children as Node[])[0] as Node, node.min ?? 0, node.max ?? 1);
    case 'look':
      // What is looked at is read as often as what stands there.
      return bounded((node.children ?? []).flatMap(flatten)).map((place) => optional(place, 1));
    default:
      return [];
  }
}

function flattenRepeat(inner: Node, min: number, max: number): Place[] {
  const places = flatten(inner);
  if (max > MAX_SHORT) {
    // A repetition of exactly so many has one way to be read.
    const size = min === max ? max * places.reduce((sum, place) => sum + place.size, 0) : 0;
    return [{ set: union(places.map(({ set }) => set)), long: min !== max, required: min > 0, size, ways: 1 }];
  }
  if (places.length === 1 && inner.kind === 'set') {
    return places.map((place) => ({ ...place, required: min > 0, size: max, ways: max - min + 1 }));
  }
  return bounded(
    Array.from({ length: max }, (_, copy) =>
      copy < min ? places : places.map((place, index) => optional(place, index === 0 ? 2 : 1)),
    ).flat(),
  );
}

function optional(place: Place, ways: number): Place {
  return { ...place, required: false, ways: place.ways * ways };
}

function bounded(places: Place[]): Place[] {
  if (places.length > MAX_PLACES) throw new Error('is too complex');
  return places;
}

/**
 * Tells whether a search can enter a long repetition at each character that it matches, and read all that follows each
 * time. It cannot if every match has something before the repetition that the repetition does not match.
 */
function isEnteredAnywhere(place: Place, index: number, places: readonly Place[]): boolean {
  return place.long && !places.slice(0, index).some(({ required, set }) => required && !overlap(set, place.set));
}

/**
 * Refuses repetitions and choices that can share a text with what follows them.
 * @returns in how many ways a text can be read
 */
function checkNeighbours(places: readonly Place[]): number {
  let ways = 1;
  for (const [index, place] of places.entries()) {
    if (!place.long && place.ways === 1) continue;
    let shares = false;
    let behind = 0;
    for (const next of places.slice(index + 1)) {
      const overlaps = overlap(place.set, next.set);
      shares ||= overlaps;
      if (place.long && next.long && overlaps) {
        throw new Error('has two long repetitions of the same characters with nothing to keep them apart');
      }
      if (next.required && !overlaps) break;
      behind += next.size;
      if (place.long && behind > MAX_BEHIND) {
        throw new Error(`has more than ${MAX_BEHIND} characters behind a long repetition that can match them, too`);
      }
      if (!place.long && next.required) break;
    }
    if (shares && !place.long) ways *= place.ways;
    if (ways > MAX_WAYS) throw new Error('can read the same text in too many ways');
  }
  return ways;
}

function full(): CharacterSet {
  return new Uint8Array(129).fill(1);
}

function of(character: string): CharacterSet {
  const set = new Uint8Array(129);
  set[Math.min(character.codePointAt(0) ?? 0, 128)] = 1;
  return set;
}

function where(test: (code: number) => boolean, beyond: boolean): CharacterSet {
  return new Uint8Array(129).map((_, code) => (code === 128 ? Number(beyond) : Number(test(code))));
}

function union(sets: readonly CharacterSet[]): CharacterSet {
  return new Uint8Array(129).map((_, code) => Number(sets.some((set) => set[code] === 1)));
}

/** As it is written in an expression. */
function classOf(set: CharacterSet): string {
  const members = [...set.keys()].filter((code) => set[code] === 1);
  return `[${members.map((code) => (code === 128 ? '\\u{80}-\\u{10ffff}' : `\\u{${code.toString(16)}}`)).join('')}]`;
}

function overlap(a: CharacterSet, b: CharacterSet): boolean {
  return a.some((member, code) => member === 1 && b[code] === 1);
}
