/**
 * The headers of one message: in order, spelled as received, and changed by nginx's rules. Values are bytes read as
 * latin1, which is what Node gives and takes. `toText` and `fromText` convert them for plugins.
 */
export class HeaderList {
  #entries: [name: string, value: string][] = [];

  /** Reads Node's flat list of names and values. */
  static from(raw: readonly string[]): HeaderList {
    const list = new HeaderList();
    for (let index = 0; index + 1 < raw.length; index += 2) list.add(raw[index] ?? '', raw[index + 1] ?? '');
    return list;
  }

  /** Returns the first value of a header. */
  get(name: string): string | undefined {
    const wanted = name.toLowerCase();
    return this.#entries.find(([own]) => own.toLowerCase() === wanted)?.[1];
  }

  /**
   * Finds a header as Kong's `get_header` does. `x-a` also finds `x_a`, unless there are several values, because
   * kong/tools/http.lua asks nginx's variable first.
   */
  find(name: string): string | undefined {
    const variable = (header: string): string => header.toLowerCase().replaceAll('-', '_');
    const alike = this.#entries.filter(([own]) => variable(own) === variable(name)).map(([, value]) => value);
    return alike.length > 1 || alike[0]?.includes(', ') ? this.get(name) : alike[0];
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  all(name: string): string[] {
    const wanted = name.toLowerCase();
    return this.#entries.filter(([own]) => own.toLowerCase() === wanted).map(([, value]) => value);
  }

  add(name: string, value: string): void {
    this.#entries.push([name, escapeControls(value)]);
  }

  /** Replaces the values of a header. An empty list removes it. */
  set(name: string, values: readonly string[]): void {
    this.remove(name);
    for (const value of values) this.add(name, value);
  }

  remove(name: string): void {
    const wanted = name.toLowerCase();
    this.#entries = this.#entries.filter(([own]) => own.toLowerCase() !== wanted);
  }

  clone(): HeaderList {
    const copy = new HeaderList();
    copy.#entries = [...this.#entries];
    return copy;
  }

  entries(): readonly [string, string][] {
    return this.#entries;
  }

  /** Returns Node's flat list. */
  raw(): string[] {
    return this.#entries.flat();
  }

  /** Returns the values by lower-case name, of at most `max` headers. */
  toMap(max = 1000): Record<string, string[]> {
    const map: Record<string, string[]> = Object.create(null);
    for (const [name, value] of this.#entries.slice(0, max)) {
      const key = name.toLowerCase();
      const values = map[key] ?? [];
      values.push(toText(value));
      map[key] = values;
    }
    return map;
  }
}

/** Turns UTF-8 bytes that were read as latin1 into text. */
export function toText(value: string): string {
  return isAscii(value) ? value : Buffer.from(value, 'latin1').toString('utf8');
}

/** Turns text into its UTF-8 bytes, read as latin1. */
export function fromText(value: string): string {
  return isAscii(value) ? value : Buffer.from(value, 'utf8').toString('latin1');
}

function isAscii(value: string): boolean {
  for (let index = 0; index < value.length; index += 1) if (value.charCodeAt(index) > 0x7f) return false;
  return true;
}

/** Percent-encodes control characters except tab, as OpenResty does, so that a value cannot add another header. */
function escapeControls(value: string): string {
  let escaped = '';
  for (const character of value) {
    const code = character.charCodeAt(0);
    const isControl = (code < 0x20 && code !== 0x09) || code === 0x7f;
    escaped += isControl ? `%${code.toString(16).toUpperCase().padStart(2, '0')}` : character;
  }
  return escaped;
}
