/**
 * External contacts of the simulated organisation, in the shape of the SDK's `ExternalContact`.
 */
import type { Models } from 'purecloud-platform-client-v2';
import type { Division, WithId } from './entity.js';
import { displayNumber, fictionalNumber, fictionalPerson } from './names.js';
import { createRandom } from './random.js';

export function generateExternalContacts(
  region: string,
  count: number,
  division: Division,
): WithId<Models.ExternalContact>[] {
  return Array.from({ length: count }, (_, index) => {
    const random = createRandom(`external contact ${region} ${index}`);
    const id = random.uuid();
    const person = fictionalPerson(random, index, 'customers');
    const phone = (): Models.PhoneNumber => {
      const e164 = fictionalNumber(random);
      return {
        display: displayNumber(e164),
        e164,
        userInput: e164,
        countryCode: 'US',
        acceptsSMS: random.next() < 0.5,
      };
    };
    return {
      id,
      division,
      firstName: person.firstName,
      lastName: person.lastName,
      title: 'Customer',
      workPhone: phone(),
      cellPhone: phone(),
      workEmail: person.email,
      personalEmail: person.email.replace('customers.example.com', 'home.example.com'),
      address: {
        address1: `${random.int(1, 999)} Example Street`,
        city: 'Sampleton',
        state: 'Fictional State',
        postalCode: '00000',
        countryCode: 'US',
      },
      surveyOptOut: false,
      type: 'Curated',
      externalSystemUrl: `https://crm.example.com/contacts/${index + 1}`,
      createDate: '2026-01-05T09:00:00.000Z',
      modifyDate: '2026-01-05T09:00:00.000Z',
      selfUri: `/api/v2/externalcontacts/contacts/${id}`,
    };
  });
}
