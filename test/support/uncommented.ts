/** Entries that a shipped file holds as comments, put in place: by hand it is done the same way. */

/**
 * Takes the comment signs from the lines of the list entry `- name: NAME`.
 * @throws Error if there is no such comment
 */
export function uncommented(yaml: string, name: string): string {
  const lines = yaml.split('\n');
  const first = lines.findIndex((line) => line.trim() === `# - name: ${name}`);
  if (first === -1) throw new Error(`there is no comment with an entry of ${name}`);
  const indent = (lines[first] ?? '').indexOf('#');
  const begin = `${' '.repeat(indent)}# `;
  for (let i = first; i === first || lines[i]?.startsWith(`${begin}  `); i += 1) {
    lines[i] = ' '.repeat(indent) + (lines[i] ?? '').slice(begin.length);
  }
  return lines.join('\n');
}
