/** A small description of an API, in the form of Genesys' own. */

const oauth = (...scopes: string[]) => [{ 'PureCloud OAuth': scopes }];
const permissions = (type: 'ALL' | 'ANY', ...names: string[]) => ({
  'x-inin-requires-permissions': { type, permissions: names },
});
const inPath = (name: string, more: object = {}) => ({ name, in: 'path', required: true, type: 'string', ...more });
const answer = (model: string) => ({ 200: { description: 'ok', schema: { $ref: `#/definitions/${model}` } } });

export const DESCRIPTION = {
  swagger: '2.0',
  info: { title: 'Genesys Cloud Platform API', version: 'v2' },
  securityDefinitions: { 'PureCloud OAuth': { type: 'oauth2' }, 'Guest Chat JWT': { type: 'apiKey' } },
  paths: {
    '/api/v2/users/{userId}': {
      get: {
        tags: ['Users'],
        summary: 'Get user.',
        operationId: 'getUser',
        parameters: [inPath('userId'), { name: 'expand', in: 'query', type: 'array', items: { type: 'string' } }],
        responses: answer('User'),
        security: oauth('users', 'users:readonly'),
      },
      patch: {
        tags: ['Users'],
        operationId: 'patchUser',
        parameters: [inPath('userId'), { name: 'body', in: 'body', schema: { $ref: '#/definitions/UpdateUser' } }],
        responses: { ...answer('User'), 400: { description: 'no' } },
        security: oauth('users'),
        ...permissions('ANY', 'directory:user:edit', 'directory:userProfile:edit'),
      },
    },
    '/api/v2/users': {
      get: {
        tags: ['Users'],
        operationId: 'getUsers',
        parameters: [{ name: 'pageSize', in: 'query', type: 'integer', format: 'int32' }],
        responses: answer('UserEntityListing'),
        security: oauth('users', 'users:readonly'),
      },
    },
    '/api/v2/users/search': {
      post: {
        tags: ['Search', 'Users'],
        operationId: 'postUsersSearch',
        responses: answer('UserEntityListing'),
        security: oauth('users', 'users:readonly'),
        ...permissions('ALL', 'directory:user:view'),
      },
    },
    '/api/v2/routing/queues/{queueId}/members/{kind}': {
      get: {
        tags: ['Routing'],
        operationId: 'getQueueMembers',
        parameters: [inPath('queueId', { format: 'uuid' }), inPath('kind', { enum: ['all', 'a.b'] })],
        responses: answer('UserEntityListing'),
        security: oauth('routing', 'routing:readonly'),
        ...permissions('ALL', 'routing:queue:view', 'directory:user:view'),
      },
    },
    '/api/v2/routing/queues/query': {
      post: {
        tags: ['Routing'],
        operationId: 'postQueuesQuery',
        responses: { 204: { description: 'nothing' } },
        ...permissions('ANY', 'routing:queue:edit', 'routing:queue:view'),
      },
    },
    '/api/v2/external/names/{name}': {
      get: { tags: ['External Contacts'], operationId: 'getName', parameters: [inPath('name')], responses: {} },
    },
    '/api/v2/external/names/me': {
      get: { tags: ['External Contacts'], operationId: 'getNameMe', responses: answer('User') },
    },
  },
  definitions: {
    User: {
      type: 'object',
      required: ['name'],
      properties: {
        id: { type: 'string', readOnly: true },
        name: { type: 'string', description: 'What people call them.' },
        state: { type: 'string', enum: ['active', 'inactive'] },
        active: { type: 'boolean' },
        division: { $ref: '#/definitions/Division' },
        addresses: { type: 'array', items: { $ref: '#/definitions/Address' } },
        attributes: { type: 'object', additionalProperties: { type: 'string' } },
        manager: { $ref: '#/definitions/User' },
      },
    },
    UpdateUser: { type: 'object', properties: { name: { type: 'string' } } },
    Division: { type: 'object', properties: { id: { type: 'string' }, name: { type: 'string' } } },
    Address: { type: 'object', properties: { address: { type: 'string' }, type: { type: 'string' } } },
    UserEntityListing: {
      type: 'object',
      properties: {
        entities: { type: 'array', items: { $ref: '#/definitions/User' } },
        pageSize: { type: 'integer' },
        total: { type: 'integer' },
        nextUri: { type: 'string' },
      },
    },
  },
};
