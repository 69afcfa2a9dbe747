/** Each rule of the chaos suite, on records that keep it and on records that break it. */
import { describe, expect, it } from 'vitest';
import {
  type Answer,
  type Disruption,
  doneTwice,
  type Exchange,
  failedInCalm,
  failedThoughDone,
  forwardedCredentials,
  type Holdings,
  inWrongRegion,
  type Kind,
  lateReturns,
  leakedPersonalData,
  leftBehind,
  notAnswered,
  overAdmitted,
  type Received,
  type Token,
  undesigned,
  unfilteredFields,
  uninjected,
} from './invariants.js';

const exchange = (changes: Partial<Exchange> = {}): Exchange => ({
  id: 'a',
  kind: 'read',
  method: 'GET',
  startedAt: 1000,
  endedAt: 1100,
  outcome: 'answered',
  status: 200,
  ...changes,
});
const received = (changes: Partial<Received> = {}): Received => ({
  region: 'eu',
  exchangeId: 'a',
  method: 'GET',
  query: 'pageSize=5',
  headers: { authorization: 'Bearer token #1', host: 'eu' },
  at: 1050,
  status: 200,
  ...changes,
});
const disruption = (changes: Partial<Disruption> = {}): Disruption => ({
  name: 'something',
  beganAt: 1050,
  endedAt: 1060,
  losesAnswers: false,
  cutsConnections: false,
  ...changes,
});
const TOKENS: Token[] = [
  { region: 'eu', ordinal: 1, clientId: 'main', expiresAt: 5000 },
  { region: 'eu', ordinal: 2, clientId: 'main', expiresAt: 900 },
  { region: 'eu', ordinal: 3, clientId: 'main', expiresAt: 1020 },
  { region: 'us', ordinal: 1, clientId: 'other', expiresAt: 5000 },
];
const byId = (...list: Exchange[]) => new Map(list.map((one) => [one.id, one]));

describe('uninjected', () => {
  const check = (request: Received) => uninjected([request], TOKENS, byId(exchange()));
  it('lets a valid token pass, and one that expired while its request was in the gateway', () => {
    expect(check(received())).toEqual([]);
    expect(check(received({ headers: { authorization: 'Bearer token #3' } }))).toEqual([]);
  });
  it.each([
    ['no token', received({ headers: {} })],
    ['a token that nobody issued', received({ headers: { authorization: 'Bearer unknown' } })],
    ['two tokens', received({ headers: { authorization: ['Bearer token #1', 'Bearer token #1'] } })],
    ['a token of another region', received({ region: 'us', headers: { authorization: 'Bearer token #2' } })],
    ['a token that had expired before', received({ headers: { authorization: 'Bearer token #2' } })],
    ['no client behind it', received({ exchangeId: '' })],
  ])('tells of %s', (_, request) => {
    expect(check(request)).toHaveLength(1);
  });
});

describe('inWrongRegion', () => {
  const clientOf = (kind: Kind, region: string) =>
    region === 'us' ? (kind === 'regional' ? 'other' : undefined) : 'main';
  const check = (kind: Kind, request: Received) => inWrongRegion([request], TOKENS, byId(exchange({ kind })), clientOf);
  it("lets each region's own client pass", () => {
    expect(check('read', received())).toEqual([]);
    expect(check('regional', received({ region: 'us' }))).toEqual([]);
  });
  it('tells of a region to which the route does not lead, and of a token of another', () => {
    expect(check('read', received({ region: 'us' }))).toHaveLength(1);
    const ofUs = received({ region: 'us', headers: { authorization: 'Bearer unknown' } });
    expect(check('regional', ofUs)).toHaveLength(1);
  });
});

describe('forwardedCredentials', () => {
  it('lets other headers pass', () => {
    expect(forwardedCredentials([received()], ['own-key'])).toEqual([]);
  });
  it.each([
    ['apikey', received({ headers: { apikey: 'redacted' } })],
    ['cookie', received({ headers: { Cookie: 'redacted' } })],
    ['x-consumer-username', received({ headers: { 'x-consumer-username': 'chaos' } })],
    ['a header of another name', received({ headers: { 'x-other': ['a', 'has own-key in it'] } })],
    ['the query', received({ query: 'k=own-key' })],
  ])('tells of %s', (_, request) => {
    expect(forwardedCredentials([request], ['own-key'])).toHaveLength(1);
  });
});

it('unfilteredFields tells of a field in a body', () => {
  const answer = { status: 200, headers: {}, body: '{"id":1,"hidden":2}' };
  expect(unfilteredFields(answer, ['other'])).toEqual([]);
  expect(unfilteredFields(answer, ['hidden'])).toEqual(['an answer holds hidden']);
});

it('overAdmitted tells of one more than the bound', () => {
  const count = { limit: 5, windows: 1, redisLosses: 1, processLives: 2 };
  expect(overAdmitted({ ...count, admitted: 20 })).toEqual([]);
  expect(overAdmitted({ ...count, admitted: 21 })).toEqual(['21 requests were let through, 20 are promised']);
});

it('leakedPersonalData tells of a marker, however it is written', () => {
  expect(leakedPersonalData('nothing here', ['quill'])).toEqual([]);
  expect(leakedPersonalData('name: QUILLfeather', ['quill'])).toHaveLength(1);
});

describe('notAnswered', () => {
  it('lets answers in time pass, and a connection that a killed worker cut', () => {
    expect(notAnswered([exchange()], 100, [])).toEqual([]);
    expect(notAnswered([exchange({ outcome: 'cut' })], 100, [disruption({ cutsConnections: true })])).toEqual([]);
    expect(notAnswered([exchange({ outcome: 'left' })], 100, [])).toEqual([]);
  });
  it.each([
    ['an answer that came too late', exchange({ endedAt: 1101 }), disruption()],
    ['a client that gave up', exchange({ outcome: 'unanswered' }), disruption()],
    ['a connection that nothing may cut', exchange({ outcome: 'cut' }), disruption()],
    [
      'a connection that was cut at another time',
      exchange({ outcome: 'cut' }),
      disruption({ cutsConnections: true, beganAt: 1101, endedAt: 1200 }),
    ],
  ])('tells of %s', (_, one, other) => {
    expect(notAnswered([one], 100, [other])).toHaveLength(1);
  });
});

describe('undesigned', () => {
  const answer = (status: number, body: unknown, headers: Answer['headers'] = {}): Answer => ({
    status,
    headers,
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const ours = (code: string, status: number, headers: Answer['headers'] = {}) =>
    answer(status, { message: 'm', code, status, contextId: 'c', details: [], errors: [] }, headers);
  const kong = (status: number) => answer(status, { message: 'm', request_id: 'r' });
  const blocked = { 'x-gateway-response': 'blocked' };

  it.each<[string, Kind, Answer]>([
    ['content', 'read', answer(200, { entities: [] })],
    ['a written entity', 'write', answer(201, { id: 1 })],
    ['a page behind a limit', 'over-quota', answer(200, { entities: [] })],
    ['a refusal of the limit', 'over-quota', ours('gateway.quota.exceeded', 429, { 'retry-after': '3' })],
    ['no token', 'read', ours('gateway.token.unavailable', 503)],
    ['a blocked body', 'broken', ours('gateway.response.blocked', 502, blocked)],
    ['a write whose answer is withheld', 'write', ours('gateway.plugin.timeout', 201, blocked)],
    ["Kong's 500", 'write', kong(500)],
    ["Kong's body with the status of a long answer that breaks off", 'large', kong(200)],
    ["Kong's 401", 'no-key', kong(401)],
    ["Kong's 403", 'wrong-group', kong(403)],
    ['an error of the service', 'read', answer(503, { code: 'service.unavailable', message: 'm' })],
  ])('lets pass: %s', (_, kind, one) => {
    expect(undesigned(kind, one)).toEqual([]);
  });

  it.each<[string, Kind, Answer]>([
    ['content without a key', 'no-key', answer(200, { entities: [] })],
    ['an error of ours without a key', 'no-key', ours('gateway.token.unavailable', 503)],
    ['content without the group', 'wrong-group', answer(200, { entities: [] })],
    ['content that cannot be filtered', 'broken', answer(200, { entities: [] })],
    ['another success than the designed one', 'read', answer(204, {})],
    ['no body', 'read', answer(200, '')],
    ['HTML', 'read', answer(502, '<html>')],
    ['an empty error', 'read', answer(500, {})],
    ['a handler that threw', 'read', ours('gateway.plugin.error', 500)],
    ['a refusal by a limit that is far', 'read', ours('gateway.quota.exceeded', 429, { 'retry-after': '3' })],
    ['a refusal without Retry-After', 'over-quota', ours('gateway.quota.exceeded', 429)],
    ["one of our codes with another's status", 'read', ours('gateway.token.unavailable', 500)],
    ['a body of ours that lacks fields', 'read', answer(503, { code: 'gateway.token.unavailable' })],
    ['a withheld body that is not marked', 'broken', ours('gateway.response.blocked', 502)],
    ['a withheld body where nothing is wrong', 'read', ours('gateway.response.blocked', 502, blocked)],
    ["a page with Kong's error body", 'read', kong(200)],
    ["Kong's 401 for a client with a key", 'read', kong(401)],
    ['another status of the service', 'read', answer(418, { code: 'x' })],
    ["an error of the gateway's login", 'login', answer(401, { error: 'invalid_client' })],
  ])('tells of %s', (_, kind, one) => {
    expect(undesigned(kind, one)).toHaveLength(1);
  });
});

describe('failedThoughDone', () => {
  const failed = exchange({ kind: 'write', method: 'POST', status: 500 });
  const done = new Map([['a', [received({ method: 'POST', status: 201 })]]]);
  it('lets pass what was not done, did not fail, or fell to what loses answers', () => {
    const notDone = new Map([['a', [received({ method: 'POST', status: 503 })]]]);
    expect(failedThoughDone([failed], notDone, [])).toEqual([]);
    expect(failedThoughDone([exchange({ method: 'POST', status: 201 })], done, [])).toEqual([]);
    expect(failedThoughDone([failed], done, [disruption({ losesAnswers: true })])).toEqual([]);
  });
  it('tells of all others', () => {
    expect(failedThoughDone([failed], done, [])).toHaveLength(1);
    expect(failedThoughDone([failed], done, [disruption()])).toHaveLength(1);
    const later = disruption({ losesAnswers: true, beganAt: 1101, endedAt: 1200 });
    expect(failedThoughDone([failed], done, [later])).toHaveLength(1);
  });
});

it('doneTwice tells of a write that the service did twice', () => {
  const write = received({ method: 'POST', status: 201 });
  expect(doneTwice(new Map([['a', [write, received({ method: 'POST', status: 0 })]]]))).toEqual([]);
  expect(doneTwice(new Map([['a', [received(), received()]]]))).toEqual([]);
  expect(doneTwice(new Map([['a', [write, write]]]))).toHaveLength(1);
});

describe('failedInCalm', () => {
  const check = (one: Exchange, until = 5000) =>
    failedInCalm([one], [disruption({ beganAt: 100, endedAt: 200 })], () => 300, until);
  it('lets pass what succeeded, what failed before, and what was to be refused', () => {
    expect(check(exchange())).toEqual([]);
    expect(check(exchange({ startedAt: 499, status: 500 }))).toEqual([]);
    expect(check(exchange({ kind: 'no-key', status: 401 }))).toEqual([]);
    expect(check(exchange({ status: 500 }), 1050)).toEqual([]);
  });
  it('tells of a failure later than allowed', () => {
    expect(check(exchange({ status: 500 }))).toHaveLength(1);
    expect(check(exchange({ outcome: 'cut', status: 0 }))).toHaveLength(1);
  });
});

it('lateReturns tells of one that took too long', () => {
  const one = { name: 'Redis killed', kind: 'read' as const, allowedMs: 2000 };
  expect(lateReturns([{ ...one, ms: 2000 }])).toEqual([]);
  expect(lateReturns([{ ...one, ms: 2001 }])).toHaveLength(1);
});

describe('leftBehind', () => {
  const holdings = (count: number, openFiles: number, residentMb: number, files: string[] = []): Holdings => ({
    processes: { quota: { count, openFiles, residentMb } },
    files,
  });
  const check = (after: Holdings) =>
    leftBehind(holdings(1, 20, 60, ['a.socket']), after, { moreOpenFiles: 10, moreResidentMb: 50 });
  it('lets pass what is within the bounds', () => {
    expect(check(holdings(1, 30, 110, ['a.socket']))).toEqual([]);
  });
  it.each([
    ['a file', holdings(1, 20, 60, ['a.socket', 'b.socket'])],
    ['a process too many', holdings(2, 20, 60)],
    ['a process too few', holdings(0, 0, 0)],
    ['open files', holdings(1, 31, 60)],
    ['memory', holdings(1, 20, 111)],
  ])('tells of %s', (_, after) => {
    expect(check(after)).toHaveLength(1);
  });
});
