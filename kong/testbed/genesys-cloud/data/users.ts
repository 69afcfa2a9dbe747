/**
 * Users of the simulated organisation, in the shape of the SDK's `User`. What Genesys answers only when `expand` asks
 * for it is made in `expandUser`.
 */
import type { Models } from 'purecloud-platform-client-v2';
import type { Division, WithId } from './entity.js';
import { DEPARTMENTS, displayNumber, fictionalNumber, fictionalPerson, TITLES } from './names.js';
import { createRandom } from './random.js';

/** Generates users; all of them are active. */
export function generateUsers(region: string, count: number, division: Division): Map<string, WithId<Models.User>> {
  const users = new Map<string, WithId<Models.User>>();
  for (let index = 0; index < count; index += 1) {
    const random = createRandom(`user ${region} ${index}`);
    const id = random.uuid();
    const person = fictionalPerson(random, index, 'staff');
    const phone = fictionalNumber(random);
    users.set(id, {
      id,
      name: person.name,
      division,
      chat: { jabberId: `${id.replaceAll('-', '')}@simulated.orgspan.example.com` },
      department: random.pick(DEPARTMENTS),
      email: person.email,
      primaryContactInfo: [
        { address: person.email, mediaType: 'EMAIL', type: 'PRIMARY' },
        { address: phone, display: displayNumber(phone), mediaType: 'PHONE', type: 'PRIMARY', countryCode: 'US' },
      ],
      addresses: [
        { address: phone, display: displayNumber(phone), mediaType: 'PHONE', type: 'WORK', countryCode: 'US' },
        { address: person.email, display: person.email, mediaType: 'EMAIL', type: 'WORK' },
      ],
      state: 'active',
      title: random.pick(TITLES),
      username: person.email,
      images: [{ resolution: 'x48', imageUri: `https://images.example.com/${id}/x48.png` }],
      version: random.int(1, 40),
      acdAutoAnswer: false,
      selfUri: `/api/v2/users/${id}`,
    });
  }
  return users;
}

const PRESENCES = ['Available', 'Away', 'Busy', 'Meal', 'Meeting', 'On Queue', 'Offline'] as const;
const ROUTING_STATES = ['OFF_QUEUE', 'IDLE', 'INTERACTING', 'NOT_RESPONDING'] as const;

/** Adds the fields that `expand` names; a name that the simulator does not know adds nothing, as with Genesys. */
export function expandUser(user: WithId<Models.User>, expand: ReadonlySet<string>): Models.User {
  if (expand.size === 0) return user;
  const random = createRandom(`expansions ${user.id}`);
  const since = new Date(Date.UTC(2026, 0, random.int(1, 28), random.int(7, 18), random.int(0, 59))).toISOString();
  const presence = random.pick(PRESENCES);
  const expansions: Record<string, () => Partial<Models.User>> = {
    presence: () => ({
      presence: {
        id: user.id,
        source: 'PURECLOUD',
        primary: true,
        presenceDefinition: {
          id: createRandom(`presence ${presence}`).uuid(),
          systemPresence: presence.toUpperCase(),
          selfUri: `/api/v2/presence/definitions/${createRandom(`presence ${presence}`).uuid()}`,
        },
        message: '',
        modifiedDate: since,
        selfUri: `/api/v2/users/${user.id}/presences/PURECLOUD`,
      },
    }),
    routingStatus: () => ({
      routingStatus: { userId: user.id, status: random.pick(ROUTING_STATES), startTime: since },
    }),
    biography: () => ({ biography: { biography: 'A person who does not exist.', interests: [], hobbies: [] } }),
    employerInfo: () => ({
      employerInfo: {
        officialName: user.name ?? '',
        employeeId: `E${random.int(10_000, 99_999)}`,
        employeeType: 'Full-time',
        dateHire: '2024-02-01',
      },
    }),
    certifications: () => ({ certifications: [] }),
    skills: () => ({ skills: [] }),
    languages: () => ({ languages: [] }),
    locations: () => ({ locations: [] }),
    // One for each department.
    groups: () => {
      const id = createRandom(`group ${user.department}`).uuid();
      return { groups: [{ id, selfUri: `/api/v2/groups/${id}` } as Models.Group] };
    },
    profileSkills: () => ({ profileSkills: ['listening', 'typing'] }),
    languagePreference: () => ({ languagePreference: 'en-US' }),
    dateLastLogin: () => ({ dateLastLogin: since }),
  };
  const expanded: Models.User = { ...user };
  for (const name of expand) {
    if (Object.hasOwn(expansions, name)) Object.assign(expanded, expansions[name]?.());
  }
  return expanded;
}
