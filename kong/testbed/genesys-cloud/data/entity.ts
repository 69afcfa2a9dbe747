/** What all entities of the simulated organisation have. */

/** An entity that the simulator knows by id. */
export type WithId<T> = T & { id: string };

export interface Division {
  id: string;
  name: string;
  selfUri: string;
}
