/**
 * What the parts of the page share: elements, questions to the port, and how values are written. Every text becomes a
 * text node, so nothing that a client wrote can become markup; the page's Content-Security-Policy refuses anything else.
 */

/** How long an answer is waited for. */
const ANSWER_MS = 5000;

/**
 * Finds an element of the page.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no ${id}`);
  return element;
}

/**
 * Makes an element.
 * @param {string} tag
 * @param {Record<string, string | number | boolean>} [attributes]
 * @param {(Node | string | number)[]} children numbers and strings become text
 * @returns {HTMLElement}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.map((child) => (typeof child === 'number' ? String(child) : child)));
  return element;
}

/**
 * Replaces what is in an element, unless it already reads the same: so nothing that somebody reads or selects moves.
 * @param {Element} element
 * @param {Node[]} children
 */
export function show(element, children) {
  const next = document.createElement('div');
  next.append(...children);
  if (next.innerHTML !== element.innerHTML) element.replaceChildren(...next.childNodes);
}

/**
 * Asks the port.
 * @param {string} path
 * @param {unknown} [body] makes it a POST
 * @returns {Promise<{ status: number, body: any }>} rejects if nobody answers
 */
export async function ask(path, body) {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await fetch(path, { ...init, cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS) });
  return { status: response.status, body: await response.json() };
}

/**
 * Writes a duration in milliseconds.
 * @param {number | undefined | null} ms
 */
export function milliseconds(ms) {
  if (ms === undefined || ms === null) return '–';
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/**
 * Writes a time to come or past.
 * @param {number | undefined | null} total in seconds
 */
export function seconds(total) {
  if (total === undefined || total === null) return '–';
  if (total < 90) return `${Math.round(total)} s`;
  if (total < 5400) return `${Math.round(total / 60)} min`;
  if (total < 172_800) return `${Math.round(total / 3600)} h`;
  return `${Math.round(total / 86_400)} days`;
}

/**
 * Writes the time of day.
 * @param {number | undefined} ms since 1970
 */
export function clockTime(ms) {
  return ms === undefined ? '–' : new Date(ms).toLocaleTimeString('en-GB');
}

/**
 * Makes a list of terms and their values; what has no value is left out.
 * @param {[string, string | number | Node | undefined | null][]} entries
 */
export function terms(entries) {
  const list = make('dl');
  for (const [term, value] of entries) {
    if (value !== undefined && value !== null && value !== '') list.append(make('dt', {}, term), make('dd', {}, value));
  }
  return list;
}
