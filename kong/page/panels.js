/** Tokens, budgets, regions and breakers, sinks: what the port's operations say, a panel for each that the process has. */
import { ask, byId, make, seconds, show, terms } from './dom.js';
import { serviceNames } from './requests.js';

/** A gateway may have thousands of OAuth clients: those are shown that were used last. */
const SHOWN = 50;

/** Asks for all panels, and shows those that the process has. */
export async function updatePanels() {
  await Promise.all([
    update('budgets', ['/budgets'], ([budgets]) => budgets.budgets.map(budgetOf)),
    update('tokens', [`/tokens?limit=${SHOWN}`, `/credentials?limit=${SHOWN}`], ([tokens, credentials]) => [
      ...tokens.tokens.map(tokenOf),
      ...credentials.credentials.map(credentialOf),
    ]),
    update('regions', ['/regions', '/breakers'], ([regions, breakers]) => [
      ...regions.groups.flatMap((/** @type {any} */ group) =>
        group.regions.map((/** @type {any} */ one) => regionOf(one, group.forced)),
      ),
      ...breakers.breakers.map(breakerOf),
    ]),
    update('sinks', ['/log'], ([log]) => [entriesOf(log.entries), ...log.sinks.map(sinkOf)]),
  ]);
}

/**
 * @param {string} id of the panel's section
 * @param {string[]} paths
 * @param {(bodies: any[]) => HTMLElement[]} read
 */
async function update(id, paths, read) {
  const answers = await Promise.all(paths.map((path) => ask(path)));
  const section = byId(id);
  section.hidden = answers.some(({ status }) => status !== 200);
  const items = section.querySelector('.items');
  if (section.hidden || items === null) return;
  const children = read(answers.map(({ body }) => body));
  // Most gateways have one region and no breaker.
  if (id === 'regions' && children.length === 0) section.hidden = true;
  show(items, children.length === 0 ? [make('p', { class: 'empty' }, 'Nothing yet.')] : children);
}

/** @param {any} budget */
function budgetOf({ limit, who, used, of, resets_in_seconds: resets }) {
  const name = `${limit}, ${who ?? 'the one used most'}`;
  const left = resets === null ? '' : `, ${seconds(resets)} to go`;
  const meter = make('meter', {
    min: 0,
    max: of,
    low: of * 0.6,
    high: of * 0.85,
    optimum: 0,
    value: used,
    'aria-label': name,
  });
  return make('div', {}, make('div', {}, `${name}: ${used} of ${of}${left}`), meter);
}

/** @param {any} token */
function tokenOf({ client_id: client, token_host: host, slot, token, drained, last_error: error }) {
  const entries = /** @type {[string, any][]} */ ([
    ['login', host],
    ['slot', slot > 0 ? slot : undefined],
    ['age', token && seconds(token.age_seconds)],
    ['next renewal', token && `in ${seconds(token.renews_in_seconds)}`],
    ['requests that shared it', token?.uses],
    ['of those in this minute', token?.uses_in_window],
    ['state', drained ? 'drained' : token?.refused ? 'refused by Genesys' : token ? 'in use' : 'none held'],
    ['last error', error?.reason],
  ]);
  return make('div', {}, make('h3', {}, client), terms(entries));
}

/** @param {any} credential */
function credentialOf({ fingerprint, uses, last_used_seconds: last }) {
  return make(
    'div',
    {},
    make('h3', {}, `Static credential ${fingerprint}`),
    terms([
      ['uses', uses],
      ['last', `${seconds(last)} ago`],
    ]),
  );
}

/** @param {any} region @param {string | null} forced */
function regionOf({ name, state, served, failures_in_a_row: failures, probe_in_seconds: probe }, forced) {
  const mark = make('span', { class: state === 'up' ? 'good' : 'bad' }, state === 'up' ? 'up' : 'lost');
  const entries = /** @type {[string, any][]} */ ([
    ['requests', served],
    ['failures in a row', failures > 0 ? failures : undefined],
    ['next probe', probe === undefined ? undefined : `in ${seconds(probe)}`],
    ['chosen by hand', forced === name ? 'yes' : undefined],
  ]);
  return make('div', {}, make('h3', {}, `${name} `, mark), terms(entries));
}

/** @param {any} breaker */
function breakerOf({ service_id: id, state, failures_in_a_row: failures }) {
  const mark = make('span', { class: state === 'closed' ? 'good' : 'bad' }, state);
  const name = serviceNames.get(id) ?? `service ${id}`;
  return make('div', {}, make('h3', {}, `Breaker of ${name} `, mark), terms([['failures in a row', failures]]));
}

/** @param {Record<string, number>} entries */
function entriesOf({ logged, sampled_out: sampledOut, failed, dropped }) {
  const counts = /** @type {[string, any][]} */ ([
    ['entries', logged],
    ['left out by sampling', sampledOut || undefined],
    ['failed', failed || undefined],
    ['dropped', dropped || undefined],
  ]);
  return make('div', {}, terms(counts));
}

/** @param {any} sink @returns {HTMLElement} */
function sinkOf({ name, sent, waiting, dropped, spilled, failures, lastFailure }) {
  const entries = /** @type {[string, any][]} */ ([
    ['sent', sent],
    ['waiting', waiting],
    ['dropped', dropped || undefined],
    ['spilled', spilled || undefined],
    ['failed attempts', failures || undefined],
    ['last failure', lastFailure],
  ]);
  return make('div', {}, make('h3', {}, name), terms(entries));
}
