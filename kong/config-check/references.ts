/** Values that are known only where the configuration is used, and how they are written. Pure. */

const VAULT = /^\{vault:\/\/([^/}]+)\/([^}]*)\}$/;
const DECK_VARIABLE = /\$(?:\{\{|<<)\s*env\s+["`]([^"`]*)["`][^}>]*(?:\}\}|>>)/g;

/**
 * Makes YAML of a text in which decK fills in variables before it reads it: the quotes of `${{ env "NAME" }}` would end a
 * quoted text, and its braces a mapping in braces. No position changes.
 */
export function asYaml(text: string): string {
  return text.replace(DECK_VARIABLE, (variable) =>
    variable.replaceAll('"', '`').replace('${{', '$<<').replace(/\}\}$/, '>>'),
  );
}

/** Whether Kong resolves it: `{vault://env/name}`. */
export function isVaultReference(value: string): boolean {
  return VAULT.test(value);
}

/** Whether decK fills in an environment variable of its own: `${{ env "DECK_NAME" }}`. */
export function isDeckVariable(value: string): boolean {
  return value.search(DECK_VARIABLE) !== -1;
}

/** Whether the plugin server reads it: `file:<path>`. */
export function isSecretFile(value: string): boolean {
  return value.startsWith('file:');
}

/** Whether a text stands for a value instead of being it. */
export function isReference(value: string): boolean {
  return isVaultReference(value) || isDeckVariable(value) || isSecretFile(value);
}

/**
 * The environment variables that a text refers to, in capitals, as Kong's env vault and decK name them.
 * `DECK_` is taken off: decK sees no others.
 */
export function variablesIn(value: string): string[] {
  const [, vault, rest = ''] = VAULT.exec(value) ?? [];
  if (vault !== undefined) {
    const [path = '', query = ''] = rest.split('?');
    const prefix = new URLSearchParams(query).get('prefix') ?? '';
    return [`${prefix}${path.split('/')[0]}`.toUpperCase().replaceAll('-', '_')];
  }
  return [...value.matchAll(DECK_VARIABLE)].map(([, name = '']) => name.toUpperCase().replace(/^DECK_/, ''));
}

/** decK's variables, by their whole names, in a text or in JSON. */
export function deckVariablesIn(text: string): string[] {
  return [...text.matchAll(/\$\{\{\s*env\s+\\?"(DECK_[^"\\]*)/g)].map(([, name = '']) => name);
}
