/** The pool on a real broker whose login is a function: which token a request gets, and what changes of secrets do. */
import { describe, expect, it } from 'vitest';
import { waitFor } from '../../../kong/testbed/wait-for.js';
import { readClient, readOauth } from '../../../test/support/token-manager-config.js';
import { type Effects, realEffects, type TokenSource } from '../effects.js';
import type { ClientSource } from '../login/client.js';
import { createTokenBroker } from './broker.js';
import { createTokenPool, type PoolOutcome } from './pool.js';

const clients = ['a', 'b', 'c'].map((id) => ({ client_id: id, client_secret: `${id}-secret` }));

/** How login answers a request of a client (`id:secret`), by default with a token that names it and counts. */
type Login = (credentials: string) => Promise<{ status: number; body: object }> | { status: number; body: object };

function world(login: Login = grant()) {
  const state = { now: 1_000_000, asked: [] as string[] };
  const uses: Record<TokenSource, number> = { memory: 0, redis: 0, request: 0 };
  const effects: Effects = {
    ...realEffects,
    nowMs: () => state.now,
    countTokenUse: (source) => {
      uses[source] += 1;
    },
    loadFetch: async () =>
      (async (_url: string, init: { headers: Record<string, string>; signal: AbortSignal }) => {
        const basic = init.headers.Authorization?.slice('Basic '.length) ?? '';
        const credentials = Buffer.from(basic, 'base64').toString();
        state.asked.push(credentials);
        const { status, body } = await login(credentials);
        return new Response(JSON.stringify(body), { status });
      }) as never,
  };
  return { state, uses, effects, broker: createTokenBroker(effects), drained: new Set<string>() };
}

function grant(): Login {
  let count = 0;
  return (credentials) => {
    count += 1;
    return { status: 200, body: { access_token: `${credentials}-${count}`, token_type: 'bearer', expires_in: 3600 } };
  };
}

const refusal = { status: 401, body: { error: 'invalid_client' } };

function makePool(of: ReturnType<typeof world>, raw: Record<string, unknown>, sources?: ClientSource[]) {
  const oauth = readOauth({ max_attempts: 1, ...raw });
  const drain = { isDrained: ({ clientId }: { clientId: string }) => of.drained.has(clientId) };
  const settings = { sources: sources ?? oauth.sources, policy: oauth.policy, store: undefined };
  return createTokenPool(settings, of.broker, drain, of.effects);
}

function value(outcome: PoolOutcome): string {
  if (outcome.kind !== 'token') throw new Error(JSON.stringify(outcome));
  return outcome.value;
}

/** Waits until so many flights of different clients or slots have ended, however they did. */
const ended = (of: ReturnType<typeof world>, flights: number) =>
  waitFor(`${flights} flights to end`, () => of.broker.states().length === flights);

describe('a pool', () => {
  it('asks for all its tokens at the first request, each once, and spreads requests evenly', async () => {
    const of = world();
    const pool = makePool(of, { clients, tokens_per_client: 2 });
    await Promise.all(Array.from({ length: 60 }, () => pool.take()));
    await ended(of, 6);
    expect(of.state.asked).toHaveLength(6);
    const counts = new Map<string, number>();
    for (let i = 0; i < 540; i += 1) {
      const token = value(await pool.take());
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    expect(of.broker.states().map(({ held }) => held?.uses)).toEqual([100, 100, 100, 100, 100, 100]);
    expect(counts.size).toBe(6);
  });

  it('tells where each request had its token from, and nothing of one that got none', async () => {
    const of = world();
    const pool = makePool(of, { clients });
    await Promise.all(Array.from({ length: 5 }, () => pool.take()));
    await ended(of, 3);
    for (let i = 0; i < 7; i += 1) value(await pool.take());
    expect(of.uses).toEqual({ memory: 7, redis: 0, request: 5 });
    expect(of.broker.states().reduce((sum, { held }) => sum + (held?.uses ?? 0), 0)).toBe(12);
    const refused = world(() => refusal);
    expect((await makePool(refused, { clients }).take()).kind).toBe('none');
    expect(refused.uses).toEqual({ memory: 0, redis: 0, request: 0 });
  });

  it('goes on with the tokens that it has while a client is refused or slow', async () => {
    let release: () => void = () => {};
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    const answer = grant();
    const of = world(async (credentials) => {
      if (credentials.startsWith('a')) return refusal;
      if (credentials.startsWith('b')) await slow;
      return answer(credentials);
    });
    const pool = makePool(of, { clients });
    expect(value(await pool.take())).toMatch(/^c:/);
    expect(value(pool.take() as PoolOutcome)).toMatch(/^c:/);
    release();
    await ended(of, 3);
    expect(value(pool.take() as PoolOutcome)).toMatch(/^b:/);
  });

  it('tells the shortest time if no client gets a token', async () => {
    const of = world((credentials) => (credentials.startsWith('b') ? { status: 503, body: {} } : refusal));
    const pool = makePool(of, { clients });
    const outcome = await pool.take();
    expect(outcome).toMatchObject({ kind: 'none', reason: expect.stringContaining('503') });
    expect(pool.take()).toMatchObject({ kind: 'none', reason: expect.stringContaining('503') });
    expect(of.state.asked).toHaveLength(3);
  });

  it('passes over a token that got 429, and tells the shortest wait if all did', async () => {
    const of = world();
    const pool = makePool(of, { clients });
    await pool.take();
    await ended(of, 3);
    const refs = ['a', 'b', 'c'].map(
      (id) => of.broker.states().find(({ client }) => client.clientId === id)?.held?.ref,
    );
    of.broker.allowanceOf(refs[0] ?? '')?.close('users', 42_000, of.state.now);
    of.broker.allowanceOf(refs[1] ?? '')?.close('users', 7_000, of.state.now);
    expect(pool.dependsOnRoute()).toBe(true);
    for (let i = 0; i < 10; i += 1) expect(value(pool.take('users') as PoolOutcome)).toMatch(/^c:/);
    expect(value(pool.take('queues') as PoolOutcome)).toMatch(/^[ab]:/);
    of.broker.allowanceOf(refs[2] ?? '')?.close('users', 9_000, of.state.now);
    expect(pool.take('users')).toEqual({ kind: 'exhausted', retryAfterMs: 7_000 });
    of.state.now += 7_000;
    expect(value(pool.take('users') as PoolOutcome)).toMatch(/^b:/);
  });

  it('spares the tokens of a drained client, unless there are no others', async () => {
    const of = world();
    const pool = makePool(of, { clients });
    of.drained.add('a').add('b');
    for (let i = 0; i < 5; i += 1) expect(value(await pool.take())).toMatch(/^c:/);
    expect(of.state.asked).toHaveLength(1);
    of.drained.add('c');
    expect(value(await pool.take())).toMatch(/^[abc]:/);
  });
});

describe('a refused token', () => {
  it('is replaced by one token request, however many requests it was refused for', async () => {
    const of = world();
    const pool = makePool(of, clients[0] ?? {});
    const first = await pool.take();
    const ref = first.kind === 'token' ? first.ref : '';
    of.state.now += 5_000;
    for (let i = 0; i < 100; i += 1) of.broker.refuse(ref);
    const tokens = await Promise.all(Array.from({ length: 100 }, () => pool.take()));
    for (let i = 0; i < 100; i += 1) of.broker.refuse(ref);
    expect(new Set(tokens.map(value))).toEqual(new Set(['a:a-secret-2']));
    expect(value(pool.take() as PoolOutcome)).toBe('a:a-secret-2');
    expect(of.state.asked).toHaveLength(2);
  });

  it('stays in use while it is younger than five seconds', async () => {
    const of = world();
    const pool = makePool(of, clients[0] ?? {});
    const first = await pool.take();
    of.state.now += 4_999;
    of.broker.refuse(first.kind === 'token' ? first.ref : '');
    expect(value(pool.take() as PoolOutcome)).toBe('a:a-secret-1');
  });

  it('stays in use while login gives no other, and is passed over where the pool has others', async () => {
    let down = false;
    const answer = grant();
    const of = world((credentials) => (down ? { status: 503, body: {} } : answer(credentials)));
    const single = makePool(of, clients[0] ?? {});
    const first = await single.take();
    of.state.now += 5_000;
    down = true;
    of.broker.refuse(first.kind === 'token' ? first.ref : '');
    expect(value(await single.take())).toBe('a:a-secret-1');
    expect(single.take()).toMatchObject({ kind: 'token', warning: expect.stringContaining('503') });
  });

  it('that nobody knows counts for nothing', async () => {
    const of = world();
    const pool = makePool(of, clients[0] ?? {});
    await pool.take();
    of.state.now += 5_000;
    of.broker.refuse('');
    of.broker.refuse('static');
    of.broker.refuse('another-process-s');
    expect(value(pool.take() as PoolOutcome)).toBe('a:a-secret-1');
  });
});

describe('a secret that changes', () => {
  /** A source whose secret the test sets. */
  function changing(): ClientSource & { set(secret: string): void } {
    const make = (secret: string) => readClient({ client_id: 'a', client_secret: secret }).client;
    let client = make('one');
    return {
      current: () => client,
      takeWarning: () => undefined,
      set(secret) {
        client = make(secret);
      },
    };
  }

  it('leaves the old token in use until the new secret has got one', async () => {
    let release: () => void = () => {};
    const answer = grant();
    const of = world(async (credentials) => {
      if (credentials === 'a:two')
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      return answer(credentials);
    });
    const source = changing();
    const pool = makePool(of, clients[0] ?? {}, [source]);
    await pool.take();
    source.set('two');
    for (let i = 0; i < 10; i += 1) expect(value(await pool.take())).toBe('a:one-1');
    release();
    await ended(of, 2);
    expect(value(pool.take() as PoolOutcome)).toBe('a:two-2');
    expect(of.state.asked).toEqual(['a:one', 'a:two']);
  });

  it('to one that login refuses leaves the old one in use, also beyond its token, and warns once', async () => {
    const answer = grant();
    const of = world((credentials) => (credentials === 'a:bad' ? refusal : answer(credentials)));
    const source = changing();
    const pool = makePool(of, clients[0] ?? {}, [source]);
    await pool.take();
    source.set('bad');
    expect(value(await pool.take())).toBe('a:one-1');
    await ended(of, 2);
    const outcomes = [await pool.take(), await pool.take(), await pool.take()];
    expect(outcomes.map(value)).toEqual(['a:one-1', 'a:one-1', 'a:one-1']);
    const warnings = outcomes.map((outcome) => (outcome.kind === 'token' ? outcome.warning : undefined));
    expect(warnings.filter((warning) => warning !== undefined)).toEqual([
      expect.stringContaining('its new secret has got no token, and the old one stays in use: login answered 401'),
    ]);
    of.state.now += 3_600_000;
    expect(value(await pool.take())).toBe('a:one-2');
    source.set('three');
    await pool.take();
    await ended(of, 3);
    expect(value(await pool.take())).toBe('a:three-3');
  });

  it('has no old token to fall back on at first: the new secret is waited for', async () => {
    const of = world();
    const source = changing();
    const pool = makePool(of, clients[0] ?? {}, [source]);
    source.set('two');
    expect(value(await pool.take())).toBe('a:two-1');
    expect(of.state.asked).toEqual(['a:two']);
  });
});
