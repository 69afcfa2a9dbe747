/**
 * kong.yml's pre-function refuses what the plugins' request guard refuses: the chunk, run by LuaJIT as Kong runs it, is
 * compared with the guard over paths and Connection headers.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { runs } from '../../kong/testbed/runs.js';
import { unless } from '../../kong/testbed/unless.js';
import { refusalOf } from '../../plugins/shared/http/request-guard.js';

const LUA = ['luajit', 'lua5.1'].find((command) => runs(command, '-v'));

/** Kong's globals, as far as the chunk uses them; each line of input is a request, in hexadecimal. */
const HARNESS = `
local unhex = function(text) return (text:gsub("%x%x", function(h) return string.char(tonumber(h, 16)) end)) end
local chunk = assert(loadstring(unhex(arg[1])))
for line in io.lines() do
  local connection, uri = line:match("^(%x*) (%x*)$")
  local status, body = 0, ""
  local cleared = {}
  ngx = { req = { get_headers = function() return { ["X_Odd"] = "1", ["X-Even"] = "2" } end, clear_header = function(name) cleared[#cleared + 1] = name end }, var = { request_uri = unhex(uri), http_connection = connection ~= "" and unhex(connection) or nil, kong_request_id = "id-1" } }
  kong = { response = { exit = function(code, text) status, body = code, text end } }
  chunk()
  assert(status ~= 0 or table.concat(cleared, ",") == "X_Odd")
  print(status .. " " .. body)
end
`;

function chunkOf(): string {
  const config = parse(readFileSync(join(ROOT, 'kong/kong.yml'), 'utf8'));
  const entry = config.plugins.find(({ name }: { name: string }) => name === 'pre-function');
  return entry.config.rewrite.join('\n');
}

const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');

/** What the chunk answers to each request; an empty string if it lets it go on. */
function answersTo(requests: readonly { connection: string; uri: string }[]): string[] {
  const input = requests.map(({ connection, uri }) => `${hex(connection)} ${hex(uri)}\n`).join('');
  const output = execFileSync(LUA ?? '', ['-e', `arg = {[1] = "${hex(chunkOf())}"} ${HARNESS}`], { input });
  return output
    .toString('latin1')
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => (line.startsWith('0 ') ? '' : line));
}

const pieces = fc.constantFrom(
  ...['/', 'users', '%2f', '%2F', '%5c', '%3b', ';', '\\', '%2525', '%25', '%25zz', '%', '%c0', '%C3%9F', '%f5', '%7f'],
  ...['%e0', '%80', '%a0', '%BF', '%ed%9f', '%f0%9F', '%f4', '%8f', '%e2%82%ac', '%c2'],
  ...['%0a', '%e9', '?', '#', 'a.b', '...', '%20', '"', '\xe9', '[', '~', "'", '$', '&', '!', ':', '@', '%2', '%zz'],
);
const options = fc.constantFrom(
  ...['close', 'keep-alive', 'Upgrade', 'TE', 'HTTP2-Settings', 'content-length', 'Authorization', ',', ' ,', ',\t'],
  ...[', ', ' ', '\t', 'keep_alive', ';', '"', '\x0b', 'x'],
);

it('refuses what the request guard refuses', unless(LUA === undefined ? 'no luajit, no lua5.1' : undefined), () => {
  const requests = fc.sample(
    fc.record({
      connection: fc.array(options, { maxLength: 4 }).map((parts) => parts.join('')),
      uri: fc.array(pieces, { maxLength: 6 }).map((parts) => `/${parts.join('')}`),
    }),
    5000,
  );
  const expected = requests.map(
    // Dot segments are in no path here: Kong resolves them before a plugin sees them.
    ({ connection, uri }) => refusalOf({ connection, upstreamUri: uri }),
  );
  const answers = answersTo(requests);
  expect(answers).toHaveLength(requests.length);
  const refused = expected.filter((reason) => reason !== undefined).length;
  expect(refused).toBeGreaterThan(500);
  expect(requests.length - refused).toBeGreaterThan(500);
  requests.forEach((request, index) => {
    const isRefused = expected[index] !== undefined;
    expect([request, answers[index] !== '']).toEqual([request, isRefused]);
    if (!isRefused) return;
    const [, status, body = ''] = /^(\d+) (.*)$/.exec(answers[index] ?? '') ?? [];
    expect([status, JSON.parse(body)]).toEqual([
      '400',
      {
        message: expect.stringMatching(/^The gateway refuses this request: its (?:Connection header|path) /),
        code: 'gateway.request.refused',
        status: 400,
        contextId: 'id-1',
        details: [],
        errors: [],
      },
    ]);
  });
});
