/**
 * Queues of the simulated organisation and their members, in the shape of the SDK's `Queue`.
 */
import type { Models } from 'purecloud-platform-client-v2';
import type { Division, WithId } from './entity.js';
import { DEPARTMENTS } from './names.js';
import { createRandom } from './random.js';

const LINES = ['Voice', 'Email', 'Chat', 'Callback', 'Overflow'] as const;

/** Settings that a queue has when it is created without any. */
export function defaultQueueSettings(): Partial<Models.Queue> {
  const media: Models.MediaSettings = {
    enableAutoAnswer: false,
    alertingTimeoutSeconds: 30,
    serviceLevel: { percentage: 0.8, durationMs: 20_000 },
  };
  return {
    mediaSettings: { call: media, callback: media, chat: media, email: media, message: media },
    acwSettings: { wrapupPrompt: 'MANDATORY_TIMEOUT', timeoutMs: 300_000 },
    skillEvaluationMethod: 'ALL',
    autoAnswerOnly: true,
    enableTranscription: false,
    enableAudioMonitoring: false,
    enableManualAssignment: false,
    suppressInQueueCallRecording: true,
  };
}

/** Generates queues, each with up to 40 of the users. */
export function generateQueues(
  region: string,
  count: number,
  division: Division,
  userIds: readonly string[],
): { queues: Map<string, WithId<Models.Queue>>; queueMembers: Map<string, Set<string>> } {
  const queues = new Map<string, WithId<Models.Queue>>();
  const queueMembers = new Map<string, Set<string>>();
  for (let index = 0; index < count; index += 1) {
    const random = createRandom(`queue ${region} ${index}`);
    const id = random.uuid();
    const members = new Set<string>();
    const wanted = Math.min(random.int(5, 40), userIds.length);
    const start = userIds.length === 0 ? 0 : random.int(0, userIds.length - 1);
    for (let offset = 0; offset < wanted; offset += 1) {
      const userId = userIds[(start + offset) % userIds.length];
      if (userId !== undefined) members.add(userId);
    }
    const department = DEPARTMENTS[index % DEPARTMENTS.length] ?? 'Support';
    queueMembers.set(id, members);
    queues.set(id, {
      id,
      name: `${department} ${LINES[Math.floor(index / DEPARTMENTS.length) % LINES.length] ?? 'Voice'}`,
      division,
      description: `Queue ${index + 1} of the simulated organization`,
      dateCreated: '2026-01-05T09:00:00.000Z',
      dateModified: '2026-01-05T09:00:00.000Z',
      modifiedBy: random.uuid(),
      createdBy: random.uuid(),
      memberCount: members.size,
      userMemberCount: members.size,
      joinedMemberCount: members.size,
      ...defaultQueueSettings(),
      selfUri: `/api/v2/routing/queues/${id}`,
    });
  }
  return { queues, queueMembers };
}
