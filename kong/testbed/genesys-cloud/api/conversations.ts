/**
 * /api/v2/conversations: the conversations going on, as such and as calls. Read only.
 */
import type { Models } from 'purecloud-platform-client-v2';
import { json, notFound } from '../answer.js';
import { asCallConversation } from '../data/conversations.js';
import type { WithId } from '../data/entity.js';
import { pageOf } from './paging.js';
import { type ApiRoute, type ApiServices, choiceParameter } from './route.js';

const COMMUNICATION_TYPES = [
  'any',
  'call',
  'callback',
  'chat',
  'email',
  'message',
  'screenshare',
  'cobrowsesession',
  'socialexpression',
  'video',
] as const;

export function conversationRoutes({ data }: ApiServices): ApiRoute[] {
  const find = (id: string | undefined): WithId<Models.Conversation> => {
    const conversation = data.conversations.get(id ?? '');
    if (conversation === undefined) throw notFound();
    return conversation;
  };
  // The active conversations come in one page: the SDK knows no paging for them.
  const all = <Entity>(entities: Entity[], path: string, query: URLSearchParams) =>
    json(200, pageOf(entities, path, query, { pageSize: Math.max(25, entities.length), pageNumber: 1 }));

  return [
    {
      method: 'GET',
      path: '/api/v2/conversations',
      handle({ path, query }) {
        const type = choiceParameter(query, 'communicationType', COMMUNICATION_TYPES, 'any');
        return all(type === 'any' || type === 'call' ? [...data.conversations.values()] : [], path, query);
      },
    },
    {
      method: 'GET',
      path: '/api/v2/conversations/calls',
      handle: ({ path, query }) => all([...data.conversations.values()].map(asCallConversation), path, query),
    },
    {
      method: 'GET',
      path: '/api/v2/conversations/calls/{conversationId}',
      handle: ({ parameters }) => json(200, asCallConversation(find(parameters.conversationId))),
    },
    {
      method: 'GET',
      path: '/api/v2/conversations/{conversationId}',
      handle: ({ parameters }) => json(200, find(parameters.conversationId)),
    },
  ];
}
