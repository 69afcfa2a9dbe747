/**
 * JSON bodies of a wanted size: a page of the organisation's users, repeated and padded to the byte.
 */
import type { OrganizationData } from './organization.js';

const START = '{"entities":[';
const PADDING_START = '],"padding":"';
const END = '"}';
const SMALLEST = START.length + PADDING_START.length + END.length;

/** Sizes that are kept. */
const KEPT = 8;

/**
 * @returns a function that makes a valid JSON body of exactly so many bytes (of the empty page's 28 bytes, if that is
 * more), the same one for the same size
 */
export function createSizedPages(data: OrganizationData): (bytes: number) => Buffer {
  const kept = new Map<number, Buffer>();
  return (bytes) => {
    const known = kept.get(bytes);
    if (known !== undefined) return known;
    const page = makePage(data, bytes);
    kept.set(bytes, page);
    const oldest = kept.keys().next().value;
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
    return page;
  };
}

function makePage(data: OrganizationData, bytes: number): Buffer {
  const users = [...data.users.values()].map((user) => JSON.stringify(user));
  const entities: string[] = [];
  let size = SMALLEST;
  for (let index = 0; users.length > 0; index += 1) {
    // Every text of the simulated organisation is ASCII: characters are bytes.
    const entity = users[index % users.length] ?? '';
    if (size + entity.length + 1 > bytes) break;
    entities.push(entity);
    size += entity.length + (entities.length === 1 ? 0 : 1);
  }
  const padding = 'x'.repeat(Math.max(0, bytes - size));
  return Buffer.from(START + entities.join(',') + PADDING_START + padding + END);
}
