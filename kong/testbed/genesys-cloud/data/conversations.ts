/**
 * Conversations that are going on in the simulated organisation, in the shape of the SDK's `Conversation`, with what
 * makes them sensitive: numbers, names, free attributes.
 */
import type { Models } from 'purecloud-platform-client-v2';
import type { Division, WithId } from './entity.js';
import { fictionalNumber, fictionalPerson } from './names.js';
import { createRandom } from './random.js';

/** Generates inbound calls that were connected to an agent. */
export function generateConversations(
  region: string,
  count: number,
  division: Division,
  users: readonly WithId<Models.User>[],
  queues: readonly WithId<Models.Queue>[],
): Map<string, WithId<Models.Conversation>> {
  const conversations = new Map<string, WithId<Models.Conversation>>();
  for (let index = 0; index < count; index += 1) {
    const random = createRandom(`conversation ${region} ${index}`);
    const id = random.uuid();
    const user = users[random.int(0, Math.max(0, users.length - 1))];
    const queue = queues[random.int(0, Math.max(0, queues.length - 1))];
    const customer = fictionalPerson(random, index, 'customers');
    const ani = fictionalNumber(random);
    const dnis = fictionalNumber(random);
    const startedAt = Date.UTC(2026, 0, 12, 9, index);
    const time = (offsetSeconds: number): string => new Date(startedAt + offsetSeconds * 1000).toISOString();
    const call = (direction: string, self: string, other: string): Models.Call => ({
      id: random.uuid(),
      state: 'connected',
      initialState: 'connected',
      direction,
      recording: true,
      recordingState: 'ACTIVE',
      muted: false,
      confined: false,
      held: false,
      securePause: false,
      recordingId: random.uuid(),
      segments: [{ startTime: time(0), endTime: time(8), type: 'Ivr', howEnded: 'Transfer' }],
      connectedTime: time(12),
      provider: 'Edge',
      peerId: random.uuid(),
      self: { addressNormalized: self, addressRaw: self, addressDisplayable: self },
      other: { name: customer.name, nameRaw: customer.name, addressNormalized: other, addressDisplayable: other },
      afterCallWorkRequired: false,
    });
    const participants: Models.Participant[] = [
      {
        id: random.uuid(),
        startTime: time(0),
        connectedTime: time(0),
        name: customer.name,
        externalContactId: random.uuid(),
        queueId: queue?.id ?? '',
        queueName: queue?.name ?? '',
        purpose: 'customer',
        participantType: 'External',
        address: `tel:${ani}`,
        ani: `tel:${ani}`,
        aniName: customer.name,
        dnis: `tel:${dnis}`,
        wrapupRequired: false,
        mediaRoles: ['full'],
        attributes: {
          'Customer Email': customer.email,
          'Customer Reference': `R-${random.int(100_000, 999_999)}`,
          'Caller Note': `Asked to be called back on ${ani}`,
        },
        calls: [call('inbound', `tel:${ani}`, `tel:${dnis}`)],
      },
      {
        id: random.uuid(),
        startTime: time(10),
        connectedTime: time(12),
        name: user?.name ?? '',
        userUri: user?.selfUri ?? '',
        userId: user?.id ?? '',
        queueId: queue?.id ?? '',
        queueName: queue?.name ?? '',
        purpose: 'agent',
        participantType: 'Internal',
        address: `sip:${user?.email ?? ''}`,
        ani: `tel:${ani}`,
        dnis: `tel:${dnis}`,
        wrapupRequired: true,
        wrapupPrompt: 'timeout',
        wrapupTimeoutMs: 60_000,
        mediaRoles: ['full'],
        alertingTimeoutMs: 30_000,
        attributes: {},
        calls: [call('inbound', `sip:${user?.email ?? ''}`, `tel:${ani}`)],
      },
    ];
    conversations.set(id, {
      id,
      startTime: time(0),
      address: `tel:${dnis}`,
      participants,
      conversationIds: [],
      recordingState: 'ACTIVE',
      state: 'connected',
      divisions: [{ division: { id: division.id, name: division.name }, entities: [] }],
      recentTransfers: [],
      securePause: false,
      selfUri: `/api/v2/conversations/${id}`,
    });
  }
  return conversations;
}

/** The conversation as `/conversations/calls` shows it (the SDK's `CallConversation`). */
export function asCallConversation(conversation: WithId<Models.Conversation>): Models.CallConversation {
  return {
    id: conversation.id,
    participants: conversation.participants.map((participant) => {
      const call = participant.calls?.[0];
      const shown: Models.CallMediaParticipant = {
        id: participant.id ?? '',
        name: participant.name ?? '',
        address: participant.address ?? '',
        startTime: participant.startTime ?? '',
        connectedTime: participant.connectedTime ?? '',
        purpose: participant.purpose ?? '',
        state: call?.state ?? 'connected',
        direction: call?.direction ?? 'inbound',
        held: false,
        wrapupRequired: participant.wrapupRequired ?? false,
        mediaRoles: ['full'],
        attributes: participant.attributes ?? {},
        provider: 'Edge',
        muted: false,
        confined: false,
        recording: true,
        recordingState: 'active',
        ani: participant.ani ?? '',
        dnis: participant.dnis ?? '',
        securePause: false,
      };
      if (participant.userId) {
        shown.user = { id: participant.userId, selfUri: `/api/v2/users/${participant.userId}` };
      }
      if (participant.queueId) {
        shown.queue = { id: participant.queueId, selfUri: `/api/v2/routing/queues/${participant.queueId}` };
      }
      return shown;
    }),
    otherMediaUris: [],
    recentTransfers: [],
    recordingState: 'ACTIVE',
    securePause: false,
    divisions: conversation.divisions ?? [],
    selfUri: `/api/v2/conversations/calls/${conversation.id}`,
  };
}
