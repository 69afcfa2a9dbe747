/**
 * What a rotation must remember to go on after a crash: one file, for its owner only, written whole after every step.
 * There is never a secret in it: ids, times and names.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Effects } from './effects.js';
import type { FailureName } from './failure.js';
import { readIfThere, replaceFile } from './files.js';

export const STRATEGIES = ['new-client', 'regenerate-secret', 'security-keys', 'consumer'] as const;
export type StrategyName = (typeof STRATEGIES)[number];

/** What steps leave for later ones. Times are ms since 1970. */
export interface RotationData {
  oldName?: string;
  /** The new OAuth client, key or credential. */
  newId?: string;
  /** Names of the old and new credential of which nodes tell fingerprints. */
  oldFingerprint?: string;
  newFingerprint?: string;
  /** From here on the old secret may be dead. */
  regenerateFromMs?: number;
  regeneratedAtMs?: number;
  /** The store may hold the new secret as the current one. */
  publishing?: boolean;
  publishedAtMs?: number;
  /** The gateway may know the new consumer credential. */
  admitting?: boolean;
  adoptedAtMs?: number;
  /** Milliseconds from publication until each node used the new one. */
  adoptionMs?: Record<string, number>;
  graceUntilMs?: number;
  deactivated?: boolean;
  soakUntilMs?: number;
}

export interface RotationState {
  version: 1;
  id: string;
  strategy: StrategyName;
  target: string;
  /** Of the settings that must not change between start and end. */
  settings: string;
  phase: 'running' | 'rolling-back' | 'rolled-back' | 'done';
  startedAtMs: number;
  done: string[];
  /** Milliseconds by step. */
  timings: Record<string, number>;
  data: RotationData;
  /** The last failure. */
  failure?: { failure: FailureName; step: string; message: string; hint: string };
}

export interface StateFile {
  path: string;
  read(): RotationState | undefined;
  write(state: RotationState): void;
}

/** @throws Error of one line, if the file there is not one of these */
export function openStateFile(folder: string, effects: Effects): StateFile {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'rotation.json');
  return {
    path,
    read() {
      const text = readIfThere(path);
      if (text === undefined) return undefined;
      try {
        const state = JSON.parse(text) as RotationState;
        if (state.version === 1 && Array.isArray(state.done)) return state;
      } catch {
        // Told below.
      }
      throw new Error(`${path} is not the state of a rotation that this version knows`);
    },
    write(state) {
      effects.checkpoint('before the state');
      replaceFile(path, `${JSON.stringify(state, null, 2)}\n`);
      effects.checkpoint('after the state');
    },
  };
}

/** Whether there is something to go on with. */
export function isUnfinished(state: RotationState | undefined): state is RotationState {
  return state !== undefined && (state.phase === 'running' || state.phase === 'rolling-back');
}
