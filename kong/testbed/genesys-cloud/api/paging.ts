/**
 * Pages of a collection, in the shape of the SDK's `...EntityListing`. Pure.
 */
import { badRequest } from '../answer.js';

/** A page of a collection. `nextUri` is absent on the last page, `previousUri` on the first. */
export interface EntityListing<Entity> {
  entities: Entity[];
  pageSize: number;
  pageNumber: number;
  total: number;
  firstUri: string;
  lastUri: string;
  selfUri: string;
  nextUri?: string;
  previousUri?: string;
  pageCount: number;
}

/** Limits of Genesys' collections: 25 a page unless asked, at most 500. */
export const DEFAULT_PAGE_SIZE = 25;
export const MAX_PAGE_SIZE = 500;

/**
 * Reads pageSize and pageNumber.
 * @throws ApiError 400 if one is no whole number or out of range
 */
export function parsePaging(
  query: URLSearchParams,
  limits: { defaultSize?: number; maxSize?: number } = {},
): { pageSize: number; pageNumber: number } {
  return {
    pageSize: positive(query, 'pageSize', limits.defaultSize ?? DEFAULT_PAGE_SIZE, limits.maxSize ?? MAX_PAGE_SIZE),
    pageNumber: positive(query, 'pageNumber', 1, 1_000_000),
  };
}

function positive(query: URLSearchParams, name: string, otherwise: number, max: number): number {
  const text = query.get(name);
  if (text === null || text === '') return otherwise;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= 1 && value <= max)) {
    throw badRequest(`Parameter [${name}] must be a number between 1 and ${max}.`, 'invalid.value');
  }
  return value;
}

/**
 * Cuts a page out of a collection.
 * @param path of the collection; the URIs repeat the query's other parameters
 */
export function pageOf<Entity>(
  all: readonly Entity[],
  path: string,
  query: URLSearchParams,
  paging: { pageSize: number; pageNumber: number },
): EntityListing<Entity> {
  const { pageSize, pageNumber } = paging;
  const pageCount = Math.max(1, Math.ceil(all.length / pageSize));
  const uri = (page: number): string => {
    const parameters = new URLSearchParams({ pageSize: String(pageSize), pageNumber: String(page) });
    for (const [name, value] of query) if (!isPaging(name)) parameters.append(name, value);
    return `${path}?${parameters}`;
  };
  return {
    entities: all.slice((pageNumber - 1) * pageSize, pageNumber * pageSize),
    pageSize,
    pageNumber,
    total: all.length,
    firstUri: uri(1),
    lastUri: uri(pageCount),
    selfUri: uri(pageNumber),
    ...(pageNumber < pageCount ? { nextUri: uri(pageNumber + 1) } : {}),
    ...(pageNumber > 1 ? { previousUri: uri(pageNumber - 1) } : {}),
    pageCount,
  };
}

function isPaging(name: string): boolean {
  return name === 'pageSize' || name === 'pageNumber';
}
