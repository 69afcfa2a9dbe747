/** What is read from Genesys' description of its API. */
import { expect, it } from 'vitest';
import { DESCRIPTION } from '../../../test/support/api-description.js';
import { readSwagger } from './swagger.js';

const api = readSwagger(JSON.stringify(DESCRIPTION), 'api.json');
const operation = (id: string) => api.operations.find((one) => one.id === id);

it('are operations, sorted, with all that is said of them', () => {
  expect(api.operations.map(({ id }) => id)).toEqual([
    'getNameMe',
    'getName',
    'postQueuesQuery',
    'getQueueMembers',
    'getUsers',
    'postUsersSearch',
    'getUser',
    'patchUser',
  ]);
  expect(operation('getUser')).toMatchObject({
    tags: ['Users'],
    method: 'GET',
    path: '/api/v2/users/{userId}',
    summary: 'Get user.',
    answer: { $ref: '#/components/schemas/User' },
    permissions: { type: 'ALL', names: [] },
    scopes: ['users', 'users:readonly'],
  });
  expect(operation('patchUser')).toMatchObject({
    body: { $ref: '#/components/schemas/UpdateUser' },
    permissions: { type: 'ANY', names: ['directory:user:edit', 'directory:userProfile:edit'] },
  });
  expect(operation('getQueueMembers')?.parameters).toMatchObject([
    { name: 'queueId', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } },
    { name: 'kind', schema: { enum: ['all', 'a.b'] } },
  ]);
  expect(operation('postQueuesQuery')?.answer).toBe('none');
  expect(operation('getName')?.answer).toBeUndefined();
});

it.each([
  [{ default: { description: 'done' }, 400: { description: 'no' } }, 'none'],
  [{ 204: { description: 'done' } }, 'none'],
  [{ 202: { description: 'done', schema: { type: 'string' } } }, { type: 'string' }],
  [{ 200: { description: 'done', schema: {} } }, undefined],
  [{}, undefined],
])('answers %j', (responses, answer) => {
  const description = { swagger: '2.0', paths: { '/api/v2/x': { get: { operationId: 'getX', responses } } } };
  expect(readSwagger(JSON.stringify(description), 'api.json').operations[0]?.answer).toEqual(answer);
});

it('are models, whose references are those of OpenAPI 3', () => {
  expect(api.models.get('User')).toEqual({
    type: 'object',
    required: ['name'],
    properties: {
      id: { type: 'string' },
      name: { type: 'string', description: 'What people call them.' },
      state: { type: 'string', enum: ['active', 'inactive'] },
      active: { type: 'boolean' },
      division: { $ref: '#/components/schemas/Division' },
      addresses: { type: 'array', items: { $ref: '#/components/schemas/Address' } },
      attributes: { type: 'object', additionalProperties: { type: 'string' } },
      manager: { $ref: '#/components/schemas/User' },
    },
  });
});

it('takes a base path, and parameters that several operations share', () => {
  const { operations } = readSwagger(
    JSON.stringify({
      swagger: '2.0',
      basePath: '/api/v2/',
      parameters: { id: { name: 'userId', in: 'path', type: 'string' } },
      paths: { '/users/{userId}': { parameters: [{ $ref: '#/parameters/id' }], get: { operationId: 'getUser' } } },
    }),
    'api.json',
  );
  expect(operations).toMatchObject([{ path: '/api/v2/users/{userId}', parameters: [{ name: 'userId' }] }]);
});

it.each([
  ['{', 'api.json: is no JSON'],
  ['[]', 'api.json: is no Swagger 2.0'],
  ['{"openapi":"3.0.0","paths":{}}', 'api.json: is no Swagger 2.0'],
  ['{"swagger":"2.0"}', 'api.json: is no Swagger 2.0'],
])('refuses %s', (text, message) => {
  expect(() => readSwagger(text, 'api.json')).toThrow(message);
});
