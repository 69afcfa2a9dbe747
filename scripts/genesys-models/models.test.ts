/** The audit log's lists are what the installed SDK gives, and hold nothing that people write. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  API_WORDS,
  FREE_TEXT_FIELDS,
  KEPT_FIELDS,
  OPEN_MAPS,
} from '../../plugins/genesys-pii-log/mask/genesys-models.js';
import { modelNames, toModule } from './models.js';
import { readSdk } from './sdk.js';

const sdk = readSdk('.');

it('are made anew from the SDK', () => {
  const module = readFileSync('plugins/genesys-pii-log/mask/genesys-models.ts', 'utf8');
  expect(toModule(sdk.version, modelNames(sdk))).toBe(module);
});

it('hold states, types, ids, times and counts', () => {
  expect(KEPT_FIELDS).toEqual(
    expect.arrayContaining([
      'id',
      'state',
      'type',
      'mediaType',
      'purpose',
      'direction',
      'startTime',
      'pageSize',
      'total',
    ]),
  );
  expect(API_WORDS).toEqual(expect.arrayContaining(['api', 'v2', 'conversations', 'wrapupcodes']));
  expect(OPEN_MAPS).toEqual(expect.arrayContaining(['attributes', 'context', 'customFields']));
  expect(FREE_TEXT_FIELDS).toEqual(expect.arrayContaining(['text', 'note', 'comments', 'body', 'phrases']));
});

it('keep nothing that people write, or that names, places or opens something', () => {
  const kept = new Set(KEPT_FIELDS);
  const never = ['value', 'name', 'address', 'ani', 'dnis', 'email', 'title', 'department', 'customerId', 'externalId'];
  for (const name of [...FREE_TEXT_FIELDS, ...never, 'dateOfBirth', 'postalCode', 'joinCode', 'password', 'token']) {
    expect(kept.has(name), name).toBe(false);
  }
});
