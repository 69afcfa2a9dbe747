/** `kong-genesys-cloud routes`, with what the executable gives it. */
import { type RoutesOutcome, routes } from '../../kong/install/routes/command.js';
import type { Refusals } from '../../kong/install/routes/exposure.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { KEPT_FIELDS } from '../../plugins/genesys-pii-log/mask/genesys-models.js';
import { PAGING_FIELDS } from '../../plugins/genesys-response-filter/rule/filter.js';
import { parsePath } from '../../plugins/genesys-response-filter/rule/path.js';
import { createRefusals, isRefused } from '../../plugins/genesys-token-manager/own-token.js';

export const refusals: Refusals = (further) => {
  const list = createRefusals(further);
  return (method, path) => isRefused(list.on(path), method);
};

/** Runs the command. */
export function runRoutes(...args: string[]): Promise<RoutesOutcome> {
  return routes(args, {
    packageFolder: ROOT,
    safeFields: [...KEPT_FIELDS, ...PAGING_FIELDS],
    documents: { readPath: parsePath, pagingFields: new Set<string>(PAGING_FIELDS) },
    refusals,
  });
}
