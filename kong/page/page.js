/**
 * The page's loop: asks the port twice a second, one round at a time, and not at all while nobody looks. So a slow
 * browser asks less, and a gateway that is away is asked again until it is back.
 */
import { ask, byId } from './dom.js';
import { updatePanels } from './panels.js';
import { startRequests, updateRequests } from './requests.js';
import { startRules } from './rules.js';

const EVERY_MS = 500;
/** The panels move more slowly than requests come. */
const PANELS_EVERY_MS = 1000;
/** After a failure: not at once, and soon. */
const AGAIN_MS = 1000;

let isPaused = false;
let panelsAtMs = Number.NEGATIVE_INFINITY;

async function round() {
  if (document.hidden || isPaused) return EVERY_MS;
  try {
    const isTimeForPanels = performance.now() - panelsAtMs >= PANELS_EVERY_MS;
    if (isTimeForPanels) panelsAtMs = performance.now();
    await Promise.all([updateRequests(), isTimeForPanels ? updatePanels() : undefined]);
    // Meanwhile somebody may have paused.
    if (!isPaused) setState('live', false);
    return EVERY_MS;
  } catch {
    if (!isPaused) setState('The gateway does not answer. Trying again.', true);
    return AGAIN_MS;
  }
}

/** @param {string} text @param {boolean} isLost */
function setState(text, isLost) {
  const state = byId('state');
  // Screen readers say it whenever it changes.
  if (state.textContent !== text) state.textContent = text;
  state.classList.toggle('lost', isLost);
}

function togglePause() {
  isPaused = !isPaused;
  byId('pause').setAttribute('aria-pressed', String(isPaused));
  setState(isPaused ? 'paused' : 'live', false);
}

async function loop() {
  for (;;) {
    const waitMs = await round();
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

byId('pause').addEventListener('click', togglePause);
document.addEventListener('keydown', (event) => {
  const isTyping = event.target instanceof HTMLElement && event.target.matches('textarea, input, select');
  if (event.key === 'p' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) togglePause();
});
startRequests();
startRules(ask);
void loop();
