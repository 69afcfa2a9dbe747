/** How a step of the demo looks on a terminal: its title, the command as somebody types it, what it prints, what to see. Pure. */
import type { Output, Size } from './recording.js';
import type { Colours, Step } from './steps.js';

/** Clears the screen: a step has one of its own. */
export const CLEAR = '\u001b[2J\u001b[H';

const TYPED_EVERY_MS = 18;
const READ_MS = 5000;
const THINK_MS = 600;

/** A JSON Web Token: long, of no use when the demo is over, and nothing to keep in a recording. */
const TOKEN = /(eyJ[\w-]{5})[\w-]*\.[\w-]+\.[\w-]+/g;

/** What comes before what the command prints. */
export function opening({ title, command }: Step, number: number, of: number, colours: Colours): Output[] {
  return [
    { waitMs: 0, text: `${CLEAR}${colours.title(`${number} of ${of}  ${title}`)}\r\n\r\n$ ` },
    ...[...command].map((character) => ({ waitMs: TYPED_EVERY_MS, text: colours.command(character) })),
    { waitMs: THINK_MS, text: '\r\n\r\n' },
  ];
}

/** What the command has printed, as far as it fits, and what to see in it. */
export function closing(step: Step, printed: string, { width, height }: Size, colours: Colours): Output[] {
  const see = folded(`see ${step.see}`, width);
  // The title, the command, the lines that say what to see, and the empty ones between.
  const used = 2 + folded(`$ ${step.command}`, width).length + 1 + 1 + see.length + 1;
  const rows = printed
    .replace(TOKEN, '$1...')
    .trimEnd()
    .split(/\r?\n/)
    .flatMap((line) => folded(line, width));
  const room = Math.max(1, height - used);
  const shown = rows.length > room ? [...rows.slice(0, room - 1), '...'] : rows;
  return [
    { waitMs: 0, text: `${shown.join('\r\n')}\r\n\r\n` },
    { waitMs: THINK_MS, text: `${see.map(colours.see).join('\r\n')}\r\n` },
    { waitMs: READ_MS, text: '' },
  ];
}

/** Cuts a line where a terminal would. */
function folded(line: string, width: number): string[] {
  return line === '' ? [''] : (line.match(new RegExp(`.{1,${width}}`, 'gu')) ?? ['']);
}
