/**
 * Makes the audit log's lists of names from Genesys' SDK: which fields of its models hold codes, ids and times, which
 * hold what people write, which are maps with keys of the customer's own, and which words its paths are made of. Pure.
 */

/** What the lists are made from. */
export interface Sdk {
  version: string;
  /** The SDK's type definitions (`index.d.ts`). */
  types: string;
  /** The source of its API classes, in which every operation names its path. */
  apis: readonly string[];
}

/** The lists; each is sorted and holds a name once. */
export interface ModelNames {
  keptFields: string[];
  openMaps: string[];
  freeTextFields: string[];
  apiWords: string[];
}

/** Last words of fields whose texts are codes, ids or times. */
const KEPT_TEXTS = new Set(
  `code codes date datetime direction directions duration granularity id ids interval intervals language languages
  locale method metric metrics mode modes operator order permissions purpose purposes state states status statuses time
  timestamp type types unit units version versions zone`.split(/\s+/),
);
/** Last words of fields whose numbers are counts, sizes or times. */
const KEPT_NUMBERS = new Set(
  `bytes count date duration length max min millis milliseconds ms score seconds size sum time timestamp total
  version`.split(/\s+/),
);
/** Last words of fields that hold what people say and write. */
const FREE_TEXTS = new Set(
  `answer biography body caption comment comments content explanation feedback html input message note notes phrase
  phrases query question snippet subject summary text transcript utterance word words`.split(/\s+/),
);
/** Shown although their last word is not in the list above. */
const ALSO_KEPT =
  'expand grantType howEnded mediaRoles op provider scope scopes sortBy systemPresence timezone tokenType wrapupPrompt'.split(
    ' ',
  );
/** What the SDK's names for people's phrases miss. */
const ALSO_FREE_TEXT = ['familyName', 'givenName'];
/** Records that say where somebody is, in which a state is no state of an object's. */
const ALSO_OPEN = ['address', 'geolocation', 'location'];
/** Maps whose keys are names of dimensions: of analytics. */
const CLOSED_MAPS = new Set(['group']);
/** Ids that other systems give to people, places, messages and calls, codes that open something, dates of birth. */
const NEVER_KEPT =
  /account|address|birth|bundle|caller|callId|cookie|customer(?:Id|IdS|Session)|device|duns|email|employee|encoded|external(?:Id|User|Session|Source|Contact)?Id|access|facebook|family|fingerprint|inReplyTo|instagram|ip(?:Code)?$|jabber|join|keypair|line|login|mailto|merchant|messageId|name|national|oauth.*code|originat.*message|page(?:Id)?$|password|persistent|phone|pin(?:Code)?$|postal|provider|raw|replyTo|scoped|sessionDnis|signup|shortId|ssn|stateCode|tax|thread|token(?!Type)|areaCode|transactionId|twitter|vendor|verification|whatsApp|zip/i;

/** Makes the lists. */
export function modelNames({ types, apis }: Sdk): ModelNames {
  const fields = [...types.matchAll(/^\s*"([A-Za-z][\w-]*)"\??: (.*);\s*$/gm)].map(([, name = '', type = '']) => ({
    name,
    type,
  }));
  const namesOf = (kind: RegExp): string[] => fields.filter(({ type }) => kind.test(type)).map(({ name }) => name);
  const texts = namesOf(/^(?:Array<)*string>*$/);
  const numbers = namesOf(/^(?:Array<)*number>*$/);
  const openMaps = new Set(namesOf(/^object$|^\{ \[key: string\]: (?:Array<)?(?:string|object)>?; \}$/));
  const kept = [
    ...texts.filter((name) => KEPT_TEXTS.has(lastWord(name))),
    ...numbers.filter((name) => KEPT_NUMBERS.has(lastWord(name))),
  ].filter((name) => !NEVER_KEPT.test(name) && !openMaps.has(name));
  const paths = apis.flatMap((text) => [...text.matchAll(/'(\/api\/v2\/[^']*)'/g)].map(([, path = '']) => path));
  return {
    keptFields: sorted([...kept, ...ALSO_KEPT]),
    openMaps: sorted([...openMaps, ...ALSO_OPEN].filter((name) => !CLOSED_MAPS.has(name))),
    freeTextFields: sorted([...texts.filter((name) => FREE_TEXTS.has(lastWord(name))), ...ALSO_FREE_TEXT]),
    apiWords: sorted(paths.flatMap((path) => path.split('/').filter((word) => /^[a-z][a-z0-9]*$/.test(word)))),
  };
}

function lastWord(name: string): string {
  return (/(?:[A-Z]?[a-z0-9]+|[A-Z]+)$/.exec(name)?.[0] ?? name).toLowerCase();
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}

/** Writes the module that the plugin imports. */
export function toModule(version: string, names: ModelNames): string {
  const list = (name: string, about: string, words: readonly string[]): string =>
    `/** ${about} */\nexport const ${name}: readonly string[] = words(\`\n${wrapped(words)}\n\`);\n`;
  return `/**
 * Names from Genesys' API: purecloud-platform-client-v2 ${version}. Written by \`npm run genesys-models\`, which says by
 * which rules. Do not edit.
 */

/** The SDK's version. */
export const SDK_VERSION = '${version}';

${list('KEPT_FIELDS', 'Fields of models that hold codes, ids, times and counts.', names.keptFields)}
${list('OPEN_MAPS', 'Fields that are maps, or places: names in them say nothing of their values.', names.openMaps)}
${list('FREE_TEXT_FIELDS', 'Fields that hold what people say and write.', names.freeTextFields)}
${list('API_WORDS', 'Words of the paths of operations.', names.apiWords)}
function words(text: string): string[] {
  return text.trim().split(/\\s+/);
}
`;
}

function wrapped(words: readonly string[]): string {
  const lines: string[] = [];
  let line = ' ';
  for (const word of words) {
    if (line.length + word.length + 1 > 118) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}
