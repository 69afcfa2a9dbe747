/**
 * /api/v2/externalcontacts/contacts: list and read.
 */
import { json, notFound } from '../answer.js';
import { pageOf, parsePaging } from './paging.js';
import type { ApiRoute, ApiServices } from './route.js';

export function externalContactRoutes({ data }: ApiServices): ApiRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v2/externalcontacts/contacts',
      handle({ path, query }) {
        // Genesys' own limits of this collection.
        const paging = parsePaging(query, { defaultSize: 20, maxSize: 100 });
        const wanted = query.get('q')?.toLowerCase() ?? '';
        const found = data.externalContacts.filter((contact) =>
          `${contact.firstName} ${contact.lastName} ${contact.workEmail}`.toLowerCase().includes(wanted),
        );
        return json(200, pageOf(found, path, query, paging));
      },
    },
    {
      method: 'GET',
      path: '/api/v2/externalcontacts/contacts/{contactId}',
      handle({ parameters }) {
        const contact = data.externalContacts.find((candidate) => candidate.id === parameters.contactId);
        if (contact === undefined) throw notFound();
        return json(200, contact);
      },
    },
  ];
}
