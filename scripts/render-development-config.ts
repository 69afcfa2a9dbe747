/**
 * Writes the shipped configuration made to run against a simulator, as one declarative file, for a Kong in a container:
 * `node dist/scripts/render-development-config.js --simulator URL [--redis HOST:PORT] --output FILE`
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { developmentConfig, inlineSigningKey, useRedis } from '../kong/testbed/development-config.js';

const { values } = parseArgs({
  options: { simulator: { type: 'string' }, redis: { type: 'string' }, output: { type: 'string' } },
});
const { simulator, redis, output } = values;
if (simulator === undefined || output === undefined) {
  console.error('usage: render-development-config --simulator URL [--redis HOST:PORT] --output FILE');
  process.exit(1);
}
const config = developmentConfig({ kind: 'simulator', url: simulator, tokenUrl: `${simulator}/oauth/token` });
// This process is gone when Kong reads the file, so the key that it has made goes along.
inlineSigningKey(config);
if (redis !== undefined) {
  const [host = '', port = '6379'] = redis.split(':');
  useRedis(config, { host, port: Number(port) });
}
// Kong runs as another user than this; the keys in it are those that everyone knows.
writeFileSync(output, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o644 });
