/**
 * Finished conversations for the analytics queries, in the shape of the SDK's `AnalyticsConversation...`. The past is
 * cut into slots, one conversation each, and a slot always holds the same conversation, whatever interval asks for it.
 * One conversation is about 6 KB of JSON, so that a page of 1,500 is about 10 MB.
 */
import type { Models } from 'purecloud-platform-client-v2';
import { fictionalNumber, fictionalPerson } from './names.js';
import type { OrganizationData } from './organization.js';
import { createRandom, type Random } from './random.js';

/** One conversation every 200 s: 432 a day. */
const SLOT_MS = 200_000;

/** A span of time, ms since the epoch, the end excluded. */
export interface Interval {
  startMs: number;
  endMs: number;
}

/** The slots whose conversations started within the interval. */
export function slotsIn(interval: Interval): { first: number; count: number } {
  const first = Math.ceil(interval.startMs / SLOT_MS);
  return { first, count: Math.max(0, Math.ceil(interval.endMs / SLOT_MS) - first) };
}

/** The conversation of a slot: customer, flow, queue and one or two agents. */
export function conversationOfSlot(
  slot: number,
  data: OrganizationData,
): Models.AnalyticsConversationWithoutAttributes {
  const random = createRandom(`analytics ${data.region} ${slot}`);
  const startMs = slot * SLOT_MS;
  const ivrMs = random.int(5, 40) * 1000;
  const waitMs = random.int(2, 120) * 1000;
  const talkMs = random.int(30, 900) * 1000;
  const acwMs = random.int(5, 90) * 1000;
  const answeredMs = startMs + ivrMs + waitMs;
  const endMs = answeredMs + talkMs;
  const customer = fictionalPerson(random, slot % 10_000, 'customers');
  const ani = `tel:${fictionalNumber(random)}`;
  const dnis = `tel:${fictionalNumber(random)}`;
  const queueIds = [...data.queues.keys()];
  const queueId = queueIds[random.int(0, Math.max(0, queueIds.length - 1))] ?? '';
  const members = [...(data.queueMembers.get(queueId) ?? [])];
  const context: Context = { random, data, ani, dnis, queueId };

  const participants: Models.AnalyticsParticipantWithoutAttributes[] = [
    {
      participantId: random.uuid(),
      participantName: customer.name,
      purpose: 'customer',
      externalContactId: random.uuid(),
      sessions: [
        session(context, [metric(startMs, 'nConnected', 1)], [segment(startMs, endMs, 'interact', 'peer', queueId)]),
      ],
    },
    {
      participantId: random.uuid(),
      participantName: 'Main menu',
      purpose: 'ivr',
      sessions: [
        session(
          context,
          [metric(startMs + ivrMs, 'nFlow', 1), metric(startMs + ivrMs, 'tFlow', ivrMs)],
          [segment(startMs, startMs + ivrMs, 'ivr', 'transfer')],
        ),
      ],
    },
    {
      participantId: random.uuid(),
      participantName: data.queues.get(queueId)?.name ?? '',
      purpose: 'acd',
      sessions: [
        session(
          context,
          [
            metric(startMs + ivrMs, 'nOffered', 1),
            metric(answeredMs, 'tAcd', waitMs),
            metric(answeredMs, 'tWait', waitMs),
          ],
          [segment(startMs + ivrMs, answeredMs, 'interact', 'transfer', queueId)],
        ),
      ],
    },
  ];
  const agents = random.next() < 0.3 ? 2 : 1;
  for (let index = 0; index < agents; index += 1) {
    const userId = members[random.int(0, Math.max(0, members.length - 1))] ?? '';
    const fromMs = answeredMs + Math.floor((talkMs * index) / agents);
    const toMs = answeredMs + Math.floor((talkMs * (index + 1)) / agents);
    participants.push(agent(context, userId, fromMs, toMs, acwMs));
  }
  return {
    conversationId: random.uuid(),
    conversationStart: new Date(startMs).toISOString(),
    conversationEnd: new Date(endMs + acwMs).toISOString(),
    conversationInitiator: 'customer',
    customerParticipation: true,
    divisionIds: [data.division.id],
    mediaStatsMinConversationMos: Number((4 + random.next()).toFixed(6)),
    mediaStatsMinConversationRFactor: Number((80 + random.next() * 12).toFixed(6)),
    originatingDirection: 'inbound',
    selfServed: false,
    participants,
  };
}

interface Context {
  random: Random;
  data: OrganizationData;
  ani: string;
  dnis: string;
  queueId: string;
}

function agent(
  context: Context,
  userId: string,
  fromMs: number,
  toMs: number,
  acwMs: number,
): Models.AnalyticsParticipantWithoutAttributes {
  const { random, queueId } = context;
  const ringMs = random.int(1, 12) * 1000;
  return {
    participantId: random.uuid(),
    participantName: context.data.users.get(userId)?.name ?? '',
    purpose: 'agent',
    userId,
    sessions: [
      {
        ...session(
          context,
          [
            metric(fromMs, 'tAlert', ringMs),
            metric(fromMs, 'tAnswered', ringMs),
            metric(toMs, 'tTalk', toMs - fromMs),
            metric(toMs, 'tTalkComplete', toMs - fromMs),
            metric(toMs + acwMs, 'tAcw', acwMs),
            metric(toMs + acwMs, 'tHandle', toMs - fromMs + acwMs),
          ],
          [
            segment(fromMs - ringMs, fromMs, 'alert', 'endpoint', queueId),
            segment(fromMs, toMs, 'interact', 'peer', queueId),
            { ...segment(toMs, toMs + acwMs, 'wrapup', 'client', queueId), wrapUpCode: random.uuid(), wrapUpNote: '' },
          ],
        ),
        selectedAgentId: userId,
        usedRouting: 'Standard',
        requestedRoutings: ['Standard'],
      },
    ],
  };
}

function session(
  context: Context,
  metrics: Models.AnalyticsSessionMetric[],
  segments: Models.AnalyticsConversationSegment[],
): Models.AnalyticsSession {
  const { random } = context;
  return {
    ani: context.ani,
    dnis: context.dnis,
    sessionDnis: context.dnis,
    addressFrom: context.ani,
    addressTo: context.dnis,
    direction: 'inbound',
    edgeId: random.uuid(),
    mediaType: 'voice',
    peerId: random.uuid(),
    protocolCallId: random.uuid(),
    provider: 'Edge',
    recording: true,
    remote: context.ani,
    remoteNameDisplayable: 'Sampleton, FS',
    sessionId: random.uuid(),
    mediaEndpointStats: [
      {
        codecs: ['audio/opus'],
        maxLatencyMs: random.int(10, 90),
        minMos: Number((4 + random.next()).toFixed(6)),
        minRFactor: Number((80 + random.next() * 12).toFixed(6)),
        receivedPackets: random.int(1_000, 50_000),
      },
    ],
    metrics,
    segments,
  };
}

function metric(atMs: number, name: string, value: number): Models.AnalyticsSessionMetric {
  return { emitDate: new Date(atMs).toISOString(), name, value };
}

function segment(
  fromMs: number,
  toMs: number,
  segmentType: string,
  disconnectType: string,
  queueId?: string,
): Models.AnalyticsConversationSegment {
  return {
    segmentStart: new Date(fromMs).toISOString(),
    segmentEnd: new Date(toMs).toISOString(),
    segmentType,
    disconnectType,
    conference: false,
    ...(queueId === undefined ? {} : { queueId }),
  };
}
