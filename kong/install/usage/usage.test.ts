/** The report of use: what nodes have counted, what Genesys has, what does not agree, what will be, and how it is shown. */
import { describe, expect, it } from 'vitest';
import { addUp, parseAnswer } from './counts.js';
import { FORMATS } from './format.js';
import { makeReport, type Question } from './report.js';

const NOVEMBER = { since: '2026-11-01', until: '2026-11-30' };
const consumer = (username: string, days: Record<string, number>) => ({ id: `id-${username}`, username, days });
const usageOf = (storage: string, ...consumers: object[]) =>
  JSON.stringify({ namespaces: [{ namespace: 'n', storage, consumers }] });
const clientsOf = (days: Record<string, number>, id = 'a', storage = 'file') =>
  JSON.stringify({ storage, clients: [{ client_id: id, days }] });
const counted = (...texts: string[]) => addUp(texts.map(parseAnswer), NOVEMBER);

describe('what nodes have counted', () => {
  it('adds up, but what they share in Redis counts once, from the node that knows most', () => {
    const local = counted(
      usageOf('file', consumer('crm', { '2026-11-02': 3 })),
      usageOf('file', consumer('crm', { '2026-11-02': 4, '2026-11-03': 1 }), consumer('ivr', { '2026-11-02': 1 })),
      clientsOf({ '2026-11-02': 3 }),
      clientsOf({ '2026-11-02': 6 }),
    );
    expect(local).toEqual({
      consumers: [
        { id: 'id-crm', name: 'crm', days: { '2026-11-02': 7, '2026-11-03': 1 } },
        { id: 'id-ivr', name: 'ivr', days: { '2026-11-02': 1 } },
      ],
      clients: [{ id: 'a', days: { '2026-11-02': 9 } }],
      isOfProcess: false,
    });
    const shared = [3, 5].map((requests) => usageOf('redis', consumer('crm', { '2026-11-02': requests })));
    expect(counted(...shared).consumers).toEqual([{ id: 'id-crm', name: 'crm', days: { '2026-11-02': 5 } }]);
  });

  it('is of the days that were asked for, and of months that lie in them', () => {
    const days = { '2026-10': 1, '2026-10-31': 2, '2026-11': 4, '2026-11-01': 8, '2026-11-30': 16, '2026-12-01': 32 };
    expect(counted(usageOf('memory', consumer('crm', days)))).toEqual({
      consumers: [{ id: 'id-crm', name: 'crm', days: { '2026-11': 4, '2026-11-01': 8, '2026-11-30': 16 } }],
      clients: undefined,
      isOfProcess: true,
    });
  });

  it.each([
    ['no JSON', '{', 'is not JSON'],
    ['another answer', '{"routes":[]}', 'is no answer of GET /usage or GET /usage/clients'],
    ['no days', '{"namespaces":[{"namespace":"n","storage":"file","consumers":[{"id":"","username":""}]}]}', 'by=day'],
    [
      'nothing, as Redis is away',
      '{"namespaces":[{"namespace":"n","storage":"redis","error":"Redis cannot be used","consumers":null}]}',
      'has no counts: Redis cannot be used',
    ],
    ['a number that is none', clientsOf({ '2026-11-01': 1.5 }), 'has days that are none'],
    ['a day that is none', clientsOf({ '2026-02-30': 1 }), 'has days that are none'],
  ])('is refused of %s', (_, text, message) => {
    expect(() => parseAnswer(text)).toThrow(message);
  });
});

const noon = Date.parse('2026-11-16T00:00:00Z');
const days = (first: number, last: number, each: number): Record<string, number> =>
  Object.fromEntries(
    Array.from({ length: last - first + 1 }, (_, index) => [`2026-11-${String(first + index).padStart(2, '0')}`, each]),
  );

function question(more: Partial<Question> = {}): Question {
  return {
    span: NOVEMBER,
    nowMs: noon,
    counted: {
      consumers: [
        { id: '1', name: 'crm', days: days(1, 15, 60) },
        { id: '2', name: 'ivr', days: days(1, 15, 40) },
      ],
      clients: [{ id: 'a', days: days(1, 15, 100) }],
      isOfProcess: false,
    },
    genesys: { clients: [{ id: 'a', name: 'Gateway', days: days(1, 14, 100) }], until: '2026-11-14', isCut: false },
    allocation: undefined,
    price: undefined,
    tolerancePercent: 1,
    ...more,
  };
}

describe('the report', () => {
  it('compares the days that Genesys has, and takes the others from the gateway', () => {
    const report = makeReport(question());
    expect(report.clients).toEqual([
      { id: 'a', name: 'Gateway', gateway: 1400, genesys: 1400, difference: 0, differencePercent: 0 },
    ]);
    expect(report).toMatchObject({ used: 1500, comparedUntil: '2026-11-14', findings: [] });
    expect(report.consumers.map(({ name, requests, sharePercent }) => [name, requests, sharePercent])).toEqual([
      ['crm', 900, 60],
      ['ivr', 600, 40],
    ]);
  });

  it('foresees the end, and who costs what beyond the allocation', () => {
    const report = makeReport(question({ allocation: 2300, price: 0.5 }));
    expect(report.forecast).toEqual({
      isRunning: true,
      atEnd: 3000,
      allocation: 2300,
      usedUpOn: '2026-11-24',
      cost: 350,
    });
    expect(report.consumers.map(({ cost }) => cost)).toEqual([210, 140]);
    expect(report.findings).toEqual([
      'At this rate the allocation of 2300 is used up on 2026-11-24, before 2026-11-30.',
    ]);
    expect(makeReport(question({ allocation: 3000, price: 0.5 })).findings).toEqual([]);
    const past = makeReport(question({ allocation: 1000, nowMs: Date.parse('2027-01-05') }));
    expect(past.forecast).toMatchObject({ isRunning: false, atEnd: 1500 });
  });

  it('points out what does not agree, and names what is past the gateway', () => {
    const clients = [
      { id: 'a', name: 'Gateway', days: days(1, 14, 110) },
      { id: 'x', name: 'Another tool', days: days(1, 14, 10) },
    ];
    const genesys = { clients, until: '2026-11-14', isCut: true };
    const { findings, elsewhere } = makeReport(question({ genesys, allocation: 5000, price: 1 }));
    expect(findings).toEqual([
      expect.stringMatching(/^a: Genesys counted 140 \(9\.09 %\) more: /),
      '1 OAuth client with 140 requests did not come through this gateway.',
      expect.stringContaining('longer than what it answered'),
    ]);
    expect(elsewhere).toEqual({ requests: 280, sharePercent: 15.73, cost: 0 });
    const fewer = { ...genesys, clients: [{ id: 'a', name: '', days: days(1, 14, 90) }], isCut: false };
    expect(makeReport(question({ genesys: fewer })).findings).toEqual([
      expect.stringMatching(/^a: Genesys counted 140 \(10 %\) fewer: /),
    ]);
    const none = { ...genesys, clients: [], isCut: false };
    expect(makeReport(question({ genesys: none })).findings).toEqual([
      "a: 1400 requests here, and none in Genesys' report: is it of this organisation?",
    ]);
    expect(makeReport(question({ tolerancePercent: 10 })).findings).toEqual([]);
  });

  it('says what its own numbers lack', () => {
    const alone = makeReport(question({ genesys: undefined }));
    expect(alone.findings).toEqual(['Genesys was not asked: the numbers are those of the gateway.']);
    expect(alone).toMatchObject({ used: 1500, elsewhere: undefined, comparedUntil: undefined });
    const { consumers } = question().counted;
    const lacking = { consumers: consumers.slice(0, 1), clients: question().counted.clients, isOfProcess: true };
    expect(makeReport(question({ counted: lacking })).findings).toEqual([
      expect.stringMatching(/^Consumers made 900 requests, and 1500 got a token/),
      expect.stringContaining('of a process since it started'),
    ]);
    const noClients = { consumers, clients: undefined, isOfProcess: false };
    expect(makeReport(question({ counted: noClients })).findings).toEqual([
      'No node said which OAuth clients it used: nothing is compared.',
    ]);
  });
});

describe('is shown', () => {
  const report = makeReport(question({ allocation: 2300, price: 0.5 }));

  it('as a table', () => {
    expect(FORMATS.table(report)).toBe(`\
Use from 2026-11-01 to 2026-11-30 (UTC)

consumer                   requests  share  cost
crm                             900  60 %   210.00
ivr                             600  40 %   140.00
(not through the gateway)         0  0 %    0.00
all                            1500         350.00

By OAuth client until 2026-11-14, the last day that Genesys has

OAuth client  name     gateway  Genesys  difference
a             Gateway     1400     1400  0 (0 %)

At this rate 3000 requests by the end, of 2300 in the allocation: 350.00 for what is beyond
! At this rate the allocation of 2300 is used up on 2026-11-24, before 2026-11-30.
`);
  });

  it('as CSV, in which no name is a formula', () => {
    const [first, ...others] = report.consumers;
    const named = { ...report, consumers: [{ ...first, name: '=1+"1",2' }, ...others] } as typeof report;
    expect(FORMATS.csv(named)).toBe(`\
kind,id,name,requests,genesys,difference,share_percent,cost
consumer,1,"'=1+""1"",2",900,,,60,210
consumer,2,ivr,600,,,40,140
elsewhere,,,0,,,0,0
client,a,Gateway,1400,1400,0,,
used,,,1500,,,,
forecast,,,3000,,,,350
`);
  });

  it('as JSON', () => {
    expect(JSON.parse(FORMATS.json(report))).toMatchObject({ used: 1500, forecast: { atEnd: 3000 } });
  });
});
