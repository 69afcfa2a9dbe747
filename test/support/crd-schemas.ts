/** JSON schemas of custom resources, from their definitions, as strict as kubeconform takes those of Kubernetes itself. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';

interface Definition {
  kind?: string;
  spec: {
    group: string;
    names: { kind: string };
    versions: { name: string; schema: { openAPIV3Schema: Schema } }[];
  };
}
type Schema = { [key: string]: unknown };

/** Where kubeconform finds the schemas of a folder. */
export function schemaLocation(folder: string): string {
  return `${folder}/{{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json`;
}

/** Writes the schemas of all definitions in files. */
export function writeCrdSchemas(files: readonly string[], folder: string): void {
  const definitions = files.flatMap((file) =>
    parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Definition | null),
  );
  for (const definition of definitions) {
    if (definition?.kind !== 'CustomResourceDefinition') continue;
    const { group, names, versions } = definition.spec;
    mkdirSync(join(folder, group), { recursive: true });
    for (const { name, schema } of versions) {
      const file = join(folder, group, `${names.kind.toLowerCase()}_${name}.json`);
      const { properties, ...rest } = schema.openAPIV3Schema;
      // A definition says nothing of these.
      const common = { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' } };
      writeFileSync(
        file,
        JSON.stringify(strict({ ...rest, properties: { ...(properties as Schema), ...common } }, true)),
      );
    }
  }
}

/** Refuses fields that are not named. What may hold anything says so. */
function strict(value: unknown, isTop = false): unknown {
  if (Array.isArray(value)) return value.map((item) => strict(item));
  if (typeof value !== 'object' || value === null) return value;
  const schema = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, strict(item)]));
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true || 'additionalProperties' in schema;
  if (schema['x-kubernetes-int-or-string'] === true) return { ...schema, type: ['string', 'integer'] };
  // A record is where `properties` is a map of schemas beside a type; a field may have that name, too.
  if (schema.type !== 'object' || typeof schema.properties !== 'object' || (isOpen && !isTop)) return schema;
  return { ...schema, additionalProperties: false };
}
