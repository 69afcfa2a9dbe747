/**
 * The simulated organisation: what exists in one region. Everything comes from the region's name, so that two regions
 * are two organisations and two runs are the same.
 */
import type { Models } from 'purecloud-platform-client-v2';
import { generateConversations } from './conversations.js';
import type { Division, WithId } from './entity.js';
import { generateExternalContacts } from './external-contacts.js';
import { generateQueues } from './queues.js';
import { createRandom } from './random.js';
import { generateUsers } from './users.js';

/** All that a region holds. Maps keep the order of creation. */
export interface OrganizationData {
  region: string;
  organization: WithId<Models.Organization>;
  division: Division;
  users: Map<string, WithId<Models.User>>;
  queues: Map<string, WithId<Models.Queue>>;
  /** Ids of the users of each queue, by the queue's id. */
  queueMembers: Map<string, Set<string>>;
  conversations: Map<string, WithId<Models.Conversation>>;
  externalContacts: WithId<Models.ExternalContact>[];
}

/** So many queues, active conversations and contacts; users are an option of the simulator. */
const QUEUES = 30;
const CONVERSATIONS = 60;
const EXTERNAL_CONTACTS = 200;

/** Generates the organisation of a region with so many users. */
export function createOrganizationData(region: string, userCount: number): OrganizationData {
  const random = createRandom(`organization ${region}`);
  const divisionId = random.uuid();
  const division: Division = { id: divisionId, name: 'Home', selfUri: `/api/v2/authorization/divisions/${divisionId}` };
  const organizationId = random.uuid();
  const users = generateUsers(region, userCount, division);
  const userIds = [...users.keys()];
  const { queues, queueMembers } = generateQueues(region, QUEUES, division, userIds);
  return {
    region,
    organization: {
      id: organizationId,
      name: `Simulated organization ${region}`,
      defaultLanguage: 'en-us',
      defaultCountryCode: 'US',
      thirdPartyOrgName: `simulated-${region.replaceAll('_', '-')}`,
      domain: `simulated-${region.replaceAll('_', '-')}`,
      version: 1,
      state: 'active',
      voicemailEnabled: true,
      productPlatform: 'PureCloud',
      features: { realtimeCIC: true, purecloud: true, hipaa: false, pci: false, ucEnabled: true },
      selfUri: `/api/v2/organizations/${organizationId}`,
    },
    division,
    users,
    queues,
    queueMembers,
    conversations: generateConversations(region, CONVERSATIONS, division, [...users.values()], [...queues.values()]),
    externalContacts: generateExternalContacts(region, EXTERNAL_CONTACTS, division),
  };
}
