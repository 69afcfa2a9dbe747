/** `kong-genesys-cloud routes`, with what the executable gives it. */
import { type RoutesOutcome, routes } from '../../kong/install/routes/command.js';
import { ROOT } from '../../kong/testbed/plugin-server.js';
import { KEPT_FIELDS } from '../../plugins/genesys-pii-log/mask/genesys-models.js';
import { PAGING_FIELDS } from '../../plugins/genesys-response-filter/rule/filter.js';
import { parsePath } from '../../plugins/genesys-response-filter/rule/path.js';

/** Runs the command. */
export function runRoutes(...args: string[]): Promise<RoutesOutcome> {
  return routes(args, {
    packageFolder: ROOT,
    safeFields: [...KEPT_FIELDS, ...PAGING_FIELDS],
    documents: { readPath: parsePath, pagingFields: new Set<string>(PAGING_FIELDS) },
  });
}
