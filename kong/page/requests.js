/** The list of requests, and one of them with what Genesys answered, what the client got and what the log wrote. */
import { ask, byId, clockTime, make, milliseconds, show, terms } from './dom.js';

/**
 * @typedef {{
 *   id: string, startedAtMs?: number, method: string, path?: string, route?: string, consumer?: string,
 *   service?: { id: string, name?: string }, status?: number, source: string, tries: number,
 *   ms: { total?: number, gateway?: number, service?: number, plugins?: [string, number][] },
 * }} Request
 */

/** More would be no easier to read, and slower to show. */
const SHOWN = 100;
/** The log is written after the answer: it is asked for again. */
const LOG_TRIES = 12;
const LOG_AGAIN_MS = 400;

/** Names of services by id, for the panels that only know the id. @type {Map<string, string>} */
export const serviceNames = new Map();

/** @type {Map<string, { request: Request, item: HTMLElement }>} */
const shown = new Map();
let since = { run: '', next: 0 };
/** Requests that came between two looks, more than are kept. */
let missed = 0;
let hasBodies = false;
/** @type {string | undefined} */
let openId;

/** Asks for the requests that have come, and shows them. */
export async function updateRequests() {
  const { status, body } = await ask(`/requests?run=${since.run}&after=${since.next}`);
  if (status !== 200) return;
  since = { run: body.run, next: body.next };
  hasBodies = body.bodies;
  const requests = /** @type {Request[]} */ (body.requests);
  const newest = requests.slice(-SHOWN);
  /** @type {HTMLElement[]} */
  const items = [];
  for (const request of newest) {
    if (shown.has(request.id)) continue;
    const item = itemOf(request);
    shown.set(request.id, { request, item });
    if (request.service?.name !== undefined) serviceNames.set(request.service.id, request.service.name);
    items.unshift(item);
  }
  byId('request-list').prepend(...items);
  for (const [id, { item }] of shown) {
    if (shown.size <= SHOWN) break;
    // What somebody has in the hand stays.
    if (item.contains(document.activeElement)) continue;
    item.remove();
    shown.delete(id);
  }
  missed += body.skipped + requests.length - newest.length;
  const where = hasBodies ? '' : 'Routes with the audit log, and failures of others. ';
  byId('requests-note').textContent = where + (missed > 0 ? `${missed} came too fast to be shown.` : '');
  byId('requests-empty').hidden = shown.size > 0;
}

/** @param {Request} request */
function itemOf(request) {
  const { id, startedAtMs, method, path, route, consumer, status, source, ms } = request;
  const tone = status === undefined || status >= 500 ? 'bad' : status >= 400 ? 'warn' : 'good';
  const name = `${method} ${path ?? route ?? 'no route'}`;
  const button = make(
    'button',
    { type: 'button', 'data-id': id, 'aria-current': id === openId ? 'true' : 'false' },
    make('span', { class: 'time' }, clockTime(startedAtMs)),
    make('span', { class: `status ${tone}` }, status ?? '–'),
    make('span', { class: 'what' }, name),
    make('span', { class: 'who soft' }, consumer ?? (source === 'service' ? '' : 'refused')),
    make('span', { class: 'took' }, `${milliseconds(ms.total)} `, barOf(request)),
  );
  button.addEventListener('click', () => open(request));
  return make('li', { class: 'new' }, button);
}

/** Shows which part of the time the service took. @param {Request} request */
function barOf({ ms: { total, service } }) {
  const bar = make('span', { class: 'bar', 'aria-hidden': 'true' });
  if (total === undefined || total <= 0) return bar;
  const share = Math.min(100, ((service ?? 0) / total) * 100);
  for (const [name, width] of /** @type {[string, number][]} */ ([
    ['service', share],
    ['gateway', 100 - share],
  ])) {
    const part = make('i', { class: name });
    part.style.width = `${width}%`;
    bar.append(part);
  }
  return bar;
}

/** @param {Request} request */
async function open(request) {
  openId = request.id;
  for (const { request: other, item } of shown.values()) {
    item.firstElementChild?.setAttribute('aria-current', other.id === openId ? 'true' : 'false');
  }
  const section = byId('detail');
  section.hidden = false;
  show(byId('detail-body'), [termsOf(request)]);
  section.focus();
  for (let tried = 0; tried < LOG_TRIES && openId === request.id; tried += 1) {
    const { status, body } = await ask(`/requests/${request.id}`).catch(() => ({ status: 0, body: {} }));
    // In production there are no bodies to show.
    if (status !== 200 || openId !== request.id) return;
    show(byId('detail-body'), [termsOf(request), sidesOf(body)]);
    if (body.log !== null) return;
    await new Promise((resolve) => setTimeout(resolve, LOG_AGAIN_MS));
  }
}

/** @param {Request} request */
function termsOf({ id, method, path, route, service, consumer, source, tries, ms }) {
  return terms([
    ['request', `${method} ${path ?? ''}`],
    ['route', route ?? 'none'],
    ['service', service?.name ?? service?.id],
    ['consumer', consumer ?? 'none'],
    ['answered by', answererOf(source, ms.service)],
    [
      'time',
      `${milliseconds(ms.total)}: the service ${milliseconds(ms.service)}, the gateway ${milliseconds(ms.gateway)}`,
    ],
    ['of that', slowPlugins(ms.plugins ?? [])],
    ['tries', tries > 1 ? tries : undefined],
    ['request id', id],
  ]);
}

/** Lists what took half a millisecond or more. @param {[string, number][]} plugins */
function slowPlugins(plugins) {
  const slow = plugins.filter(([, took]) => took >= 0.5);
  return slow.map(([name, took]) => `${name} ${milliseconds(took)}`).join(', ');
}

/** @param {string} source @param {number | undefined} serviceMs */
function answererOf(source, serviceMs) {
  if (source === 'service') return 'the service';
  return serviceMs === undefined ? 'the gateway; the service was not asked' : 'the gateway, after the service';
}

/**
 * @typedef {{ status: number, headers: [string, string][], body: string, cut: boolean }} Answer
 * @param {{ bodies: boolean, service: Answer | null, client: Answer | null, log: string | null }} exchange
 */
function sidesOf({ bodies, service, client, log }) {
  const sides = bodies
    ? [sideOf('What Genesys answered', service, 'It was not asked.'), sideOf('What the client got', client, 'Nothing.')]
    : [];
  return make(
    'div',
    { class: 'sides' },
    ...sides,
    make(
      'div',
      {},
      make('h3', {}, 'What the log wrote'),
      log === null ? make('p', { class: 'empty' }, 'Nothing yet.') : make('pre', { tabindex: '0' }, pretty(log)),
    ),
  );
}

/**
 * @param {string} title
 * @param {Answer | null} answer
 * @param {string} nothing
 */
function sideOf(title, answer, nothing) {
  const side = make('div', {}, make('h3', {}, title));
  if (answer === null) {
    side.append(make('p', { class: 'empty' }, nothing));
    return side;
  }
  const headers = answer.headers.map(([name, value]) => `${name}: ${value}\n`).join('');
  side.append(
    make('p', { class: 'note' }, `${answer.status}, ${answer.body.length} characters${answer.cut ? ', cut' : ''}`),
    make('details', {}, make('summary', {}, 'Headers'), make('pre', {}, headers)),
    make('pre', { tabindex: '0' }, pretty(answer.body)),
  );
  return side;
}

/** Indents JSON, unless that would change a digit or an escape. @param {string} text */
function pretty(text) {
  try {
    const value = JSON.parse(text);
    return JSON.stringify(value) === text.trim() ? JSON.stringify(value, null, 2) : text;
  } catch {
    return text;
  }
}

function close() {
  const id = openId;
  openId = undefined;
  byId('detail').hidden = true;
  const button = id === undefined ? undefined : shown.get(id)?.item.firstElementChild;
  button?.setAttribute('aria-current', 'false');
  if (button instanceof HTMLElement) button.focus();
}

/** Moves through the list. @param {1 | -1} step */
function move(step) {
  const buttons = [...byId('request-list').querySelectorAll('button')];
  const at = buttons.findIndex((button) => button.contains(document.activeElement));
  buttons[Math.max(0, Math.min(buttons.length - 1, at + step))]?.focus();
}

/** Lets keys move and close. */
export function startRequests() {
  byId('detail-close').addEventListener('click', close);
  byId('request-list').addEventListener('keydown', (event) => {
    const step =
      event.key === 'ArrowDown' || event.key === 'j' ? 1 : event.key === 'ArrowUp' || event.key === 'k' ? -1 : 0;
    if (step === 0) return;
    event.preventDefault();
    move(step);
  });
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && !byId('detail').hidden) close();
  });
}
