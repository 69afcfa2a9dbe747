/**
 * A headless Chromium, driven by the DevTools protocol over a pipe: tests open the gateway's page in it, and scripts take
 * pictures. Needs `CHROMIUM_BIN`, or `chromium` or `google-chrome` on PATH (Debian: package `chromium`).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { runs } from './runs.js';
import { waitFor } from './wait-for.js';

/** A page that is open. */
export interface Tab {
  /** Opens a URL, and waits until its document is loaded. */
  open(url: string): Promise<void>;
  /** Returns the value of an expression of JavaScript in the page. @throws Error if it throws */
  evaluate<T>(expression: string): Promise<T>;
  /** Waits until an expression is true. @param what names it, for the error */
  waitUntil(what: string, expression: string, timeoutMs?: number): Promise<void>;
  /** Presses a key as a keyboard does, such as `Tab`, `Enter`, `p`. */
  press(key: string): Promise<void>;
  /** Sets the width and height of the window, in CSS pixels, and the colour scheme. */
  look(width: number, height: number, scheme?: 'light' | 'dark'): Promise<void>;
  /** Returns what the window shows, as PNG. */
  picture(): Promise<Buffer>;
  /** What the page printed as an error, and what its policy refused. */
  readonly problems: string[];
  /** The URLs that the page asked for. */
  readonly requested: string[];
}

export interface Browser {
  newTab(): Promise<Tab>;
  close(): Promise<void>;
}

const { CHROMIUM_BIN } = process.env;

/** Chrome is one, too. */
const BINARIES = CHROMIUM_BIN === undefined ? ['chromium', 'google-chrome'] : [CHROMIUM_BIN];

/** Returns undefined if there is a Chromium, otherwise why none can be started. */
export function browserMissing(): string | undefined {
  return findBinary() === undefined ? `no Chromium: ${BINARIES.join(', ')}` : undefined;
}

function findBinary(): string | undefined {
  return BINARIES.find((binary) => runs(binary, '--version'));
}

/** Messages of the protocol end with a null byte. */
const END = '\0';

/** How long the browser gets to answer, on a machine with other work. */
const ANSWER_MS = 30_000;

type Message = {
  id?: number;
  sessionId?: string;
  method?: string;
  params?: unknown;
  result?: unknown;
  error?: unknown;
};

/** Starts a browser with a profile of its own, which goes with it. */
export async function startBrowser(): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'browser-'));
  const flags = [
    ...['--headless=new', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage'],
    // No name is resolved: it reaches this machine only.
    '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost',
  ];
  // As root, Chromium's sandbox does not work. It opens nothing but our own pages.
  const sandbox = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const binary = findBinary();
  if (binary === undefined) throw new Error(browserMissing());
  const child = spawn(
    binary,
    [...flags, ...sandbox, '--disable-background-networking', '--remote-debugging-pipe', `--user-data-dir=${profile}`],
    { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] },
  );
  const exited = once(child, 'exit');
  const [, , , input, output] = child.stdio as unknown as [null, null, null, Writable, Readable];
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  const listeners = new Map<string, (method: string, params: unknown) => void>();
  let lastId = 0;

  function take(message: Message): void {
    const caller = message.id === undefined ? undefined : waiting.get(message.id);
    if (message.id !== undefined) waiting.delete(message.id);
    if (message.error !== undefined) caller?.reject(new Error(JSON.stringify(message.error)));
    else caller?.resolve(message.result);
    if (message.method !== undefined) listeners.get(message.sessionId ?? '')?.(message.method, message.params);
  }

  let received = '';
  output.setEncoding('utf8').on('data', (chunk: string) => {
    const messages = (received + chunk).split(END);
    received = messages.pop() ?? '';
    for (const message of messages) take(JSON.parse(message) as Message);
  });

  function send<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    lastId += 1;
    const id = lastId;
    const answer = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${method}: no answer`)), ANSWER_MS);
      const settle =
        <A>(end: (value: A) => void) =>
        (value: A): void => {
          clearTimeout(timer);
          end(value);
        };
      waiting.set(id, { resolve: settle(resolve), reject: settle(reject) });
    });
    input.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}${END}`);
    return answer as Promise<T>;
  }

  async function newTab(): Promise<Tab> {
    const { targetId } = await send<{ targetId: string }>('Target.createTarget', { url: 'about:blank' });
    const attached = await send<{ sessionId: string }>('Target.attachToTarget', { targetId, flatten: true });
    const { sessionId } = attached;
    return openTab((method, params) => send(method, params, sessionId), listeners, sessionId);
  }

  return {
    newTab,
    async close() {
      await send('Browser.close').catch(() => child.kill('SIGKILL'));
      await exited;
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

type Send = <T>(method: string, params?: object) => Promise<T>;

/** Keys that are no characters. */
const KEY_CODES: Readonly<Record<string, number>> = { Tab: 9, Enter: 13, Escape: 27, ArrowUp: 38, ArrowDown: 40 };

async function openTab(
  send: Send,
  listeners: Map<string, (method: string, params: unknown) => void>,
  sessionId: string,
): Promise<Tab> {
  const problems: string[] = [];
  const requested: string[] = [];
  let isLoaded = false;
  listeners.set(sessionId, (method, params) => {
    if (method === 'Page.loadEventFired') isLoaded = true;
    if (method === 'Runtime.exceptionThrown') problems.push(JSON.stringify(params));
    if (method === 'Log.entryAdded') {
      const { entry } = params as { entry: { level: string; source: string; text: string } };
      // What the network refuses while a gateway restarts is no fault of the page.
      if (entry.level === 'error' && entry.source !== 'network') problems.push(entry.text);
    }
    if (method === 'Network.requestWillBeSent') requested.push((params as { request: { url: string } }).request.url);
  });
  await Promise.all(['Page', 'Runtime', 'Log', 'Network'].map((domain) => send(`${domain}.enable`)));

  async function evaluate<T>(expression: string): Promise<T> {
    const { result, exceptionDetails } = await send<{ result: { value: T }; exceptionDetails?: unknown }>(
      'Runtime.evaluate',
      { expression, awaitPromise: true, returnByValue: true },
    );
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return result.value;
  }

  return {
    problems,
    requested,
    evaluate,
    async open(url) {
      isLoaded = false;
      await send('Page.navigate', { url });
      await waitFor(`${url} is loaded`, () => isLoaded, ANSWER_MS);
    },
    async waitUntil(what, expression, timeoutMs = ANSWER_MS) {
      await waitFor(what, () => evaluate<boolean>(`Boolean(${expression})`), timeoutMs);
    },
    async press(key) {
      const code = KEY_CODES[key];
      const text = key === 'Enter' ? '\r' : code === undefined ? key : undefined;
      const virtual = code ?? key.toUpperCase().charCodeAt(0);
      const common = { key, windowsVirtualKeyCode: virtual };
      await send('Input.dispatchKeyEvent', { type: 'keyDown', ...common, ...(text && { text }) });
      await send('Input.dispatchKeyEvent', { type: 'keyUp', ...common });
    },
    async picture() {
      const { data } = await send<{ data: string }>('Page.captureScreenshot', { format: 'png' });
      return Buffer.from(data, 'base64');
    },
    async look(width, height, scheme = 'light') {
      await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
      await send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value: scheme }] });
    },
  };
}
