/** A service that costs next to nothing: nginx (Debian's) with one file, so that the gateway is what is measured. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../kong/testbed/free-port.js';
import { waitFor } from '../../kong/testbed/wait-for.js';

/** A JSON body; `needsToken`: 401 without an Authorization header of a bearer token. */
export interface StaticFile {
  body: string | Buffer;
  needsToken?: boolean;
}

export interface StaticUpstream {
  url: string;
  close(): Promise<void>;
}

/** Undefined if nginx is there; else why benchmarks on Kong cannot run. */
export function nginxMissing(): string | undefined {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'no nginx on PATH';
  }
}

/**
 * Starts it.
 * @param files by path, such as `{ '/users': { body: '{}' } }`; a POST gets them too
 */
export async function startStaticUpstream(files: Record<string, StaticFile>): Promise<StaticUpstream> {
  const folder = mkdtempSync(join(tmpdir(), 'upstream-'));
  // Started by root, nginx serves as another user.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const locations = Object.entries(files).map(([path, { body, needsToken }], index) => {
    writeFileSync(join(folder, `${index}.json`), body);
    const guard = needsToken ? 'if ($http_authorization !~ "^Bearer ") { return 401; }' : '';
    // nginx refuses a POST of a file with 405.
    return `location = ${path} {
      ${guard} default_type application/json; error_page 405 =200 $uri; alias ${folder}/${index}.json;
    }`;
  });
  const config = `
    daemon off; pid ${folder}/pid; error_log ${folder}/error.log; worker_processes 1;
    events { worker_connections 4096; }
    http {
      access_log off; keepalive_requests 1000000; open_file_cache max=100;
      client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
      uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
      server { listen 127.0.0.1:${port}; ${locations.join('\n')} }
    }`;
  writeFileSync(join(folder, 'nginx.conf'), config);
  const child: ChildProcess = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf')], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  await waitFor('nginx answers', () =>
    fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    ),
  );
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
