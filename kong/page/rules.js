/** The field to try rules: a body, rules, and at once what would leave or be logged, with the reason for each value. */
import { byId, make, show } from './dom.js';

/** Long lists of values are cut: a page of 25 users shows what a page of 500 does. */
const VALUES_SHOWN = 500;

const EXAMPLE = {
  entities: [{ id: 'f3b1', name: 'Jane Doe', email: 'jane.doe@example.com', state: 'active', department: 'Sales' }],
  pageSize: 25,
  pageNumber: 1,
  total: 1,
};

/**
 * Starts the form, if the process can try anything.
 * @param {(path: string, body?: unknown) => Promise<{ status: number, body: any }>} ask
 */
export async function startRules(ask) {
  field('rules-body').value = JSON.stringify(EXAMPLE, null, 2);
  field('rules-keep').value = 'id\nname\nemail';
  field('rules-keep-fields').value = 'genesys';
  const form = /** @type {HTMLFormElement} */ (byId('rules-form'));

  async function run() {
    const what = chosen(form);
    byId('rules-filter').hidden = what !== 'filter';
    byId('rules-audit').hidden = what !== 'audit';
    const request = { body: field('rules-body').value, config: what === 'filter' ? filterConfig() : auditConfig() };
    const answer = await ask(`/try/${what}`, request).catch(() => undefined);
    // The trial before this one still runs, or somebody else's.
    if (answer?.status === 429) return soon();
    const isDone = answer?.status === 200;
    const summary = byId('rules-summary');
    summary.textContent = isDone ? answer.body.summary : (answer?.body.message ?? 'The gateway does not answer.');
    summary.classList.toggle('bad', !isDone);
    show(byId('rules-result'), isDone ? resultOf(answer.body) : []);
  }

  let timer = 0;
  function soon() {
    clearTimeout(timer);
    timer = setTimeout(run, 300);
  }

  form.addEventListener('input', soon);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void run();
  });
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void run();
  });

  const offers = await Promise.all(
    ['filter', 'audit'].map((what) => ask(`/try/${what}`).then(({ status }) => (status === 405 ? what : undefined))),
  ).catch(() => /** @type {(string | undefined)[]} */ ([]));
  for (const input of form.querySelectorAll('input')) {
    input.disabled = !offers.includes(input.value);
    input.checked = input.value === offers.find((what) => what !== undefined);
  }
  byId('rules').hidden = offers.every((what) => what === undefined);
  if (!byId('rules').hidden) await run();
}

/** @param {string} id */
function field(id) {
  return /** @type {HTMLTextAreaElement} */ (byId(id));
}

/** @param {HTMLFormElement} form */
function chosen(form) {
  return String(new FormData(form).get('what') ?? 'filter');
}

/** Returns the lines of a field; undefined if there are none. @param {string} id */
function lines(id) {
  const all = field(id)
    .value.split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return all.length === 0 ? undefined : all;
}

function filterConfig() {
  const template = field('rules-template').value.trim();
  const rule = {
    keep: lines('rules-keep'),
    remove: lines('rules-remove'),
    template: template === '' ? undefined : template,
  };
  return { rules: [rule] };
}

function auditConfig() {
  return {
    keep_fields: lines('rules-keep-fields') ?? [],
    fields: lines('rules-fields') ?? [],
    mask: field('rules-mask').value,
  };
}

/** @param {any} body what was tried */
function resultOf(body) {
  const values = /** @type {{ pointer: string, passes: boolean, why: string }[]} */ (body.values);
  const rows = values
    .slice(0, VALUES_SHOWN)
    .map(({ pointer, passes, why }) =>
      make(
        'tr',
        {},
        make('td', { class: passes ? 'good' : 'warn' }, passes ? body.words[0] : body.words[1]),
        make('td', {}, pointer),
        make('td', {}, why),
      ),
    );
  const head = make('tr', {}, ...['', 'value', 'why'].map((name) => make('th', { scope: 'col' }, name)));
  return [
    ...(body.result === null ? [] : [make('pre', { tabindex: '0' }, body.result)]),
    make('table', {}, make('thead', {}, head), make('tbody', {}, ...rows)),
  ];
}
