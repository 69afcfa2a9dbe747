/** `npm run genesys-models`: writes the audit log's lists of names from the installed version of Genesys' SDK. */

import { writeFileSync } from 'node:fs';
import { answerHelp } from './arguments.js';
import { modelNames, toModule } from './genesys-models/models.js';
import { readSdk } from './genesys-models/sdk.js';

answerHelp('usage: npm run genesys-models');

const FILE = 'plugins/genesys-pii-log/mask/genesys-models.ts';

const sdk = readSdk('.');
writeFileSync(FILE, toModule(sdk.version, modelNames(sdk)));
console.log(`${FILE}: purecloud-platform-client-v2 ${sdk.version}`);
