/**
 * Where secrets are kept: the only place that a new one goes to. A store holds up to three generations of the same
 * values: the current one, which the gateway reads; the staged one of a rotation, put there before anything else is done
 * with it; and the one before, for the way back, until the rotation is over.
 */

/** Named values that change together, such as client_id and client_secret. */
export type SecretValues = Readonly<Record<string, string>>;

/** Every operation may be repeated after a crash. */
export interface SecretStore {
  /** For the plan and the log. */
  readonly description: string;
  /** Whether values can be read back; without, a rotation that crashes makes the new credential again. */
  readonly readable: boolean;
  /** Rejects if the store could not be written. Changes nothing. */
  check(): Promise<void>;
  /** Undefined if there is none, or it cannot be read. */
  current(): Promise<SecretValues | undefined>;
  stage(rotationId: string, values: SecretValues): Promise<void>;
  staged(rotationId: string): Promise<SecretValues | undefined>;
  /** Makes the staged values the current ones. */
  publish(rotationId: string): Promise<void>;
  /** Makes the values before `publish` the current ones again. */
  restore(rotationId: string): Promise<void>;
  /** What was current before `publish`. */
  previous(rotationId: string): Promise<SecretValues | undefined>;
  /** Removes what is not current. */
  finish(rotationId: string): Promise<void>;
}

/** What values are called in the store, by what they are called here. */
export type EntryNames = Readonly<Record<string, string>>;

export function toEntries(values: SecretValues, names: EntryNames): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [names[name] ?? name, value]));
}

/** @returns undefined unless all values are there */
export function fromEntries(
  entries: Readonly<Record<string, unknown>>,
  names: EntryNames,
  wanted: readonly string[],
): SecretValues | undefined {
  const values: Record<string, string> = {};
  for (const name of wanted) {
    const value = entries[names[name] ?? name];
    if (typeof value !== 'string' || value === '') return undefined;
    values[name] = value;
  }
  return values;
}
