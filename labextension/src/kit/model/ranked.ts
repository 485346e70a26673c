/** Rooms that capabilities furnish: what they put in, in the order of its rank. Used for the panel and for cards. */

import { Store } from './store';

/** Something with a place among others. */
export interface IRanked {
  /** Unique in its room. */
  readonly id: string;
  /** Smaller ones come first. */
  readonly rank: number;
}

/** The items of a room; what is added takes the place of an item with the same id. */
export class Ranked<T extends IRanked> extends Store<readonly T[], T> {
  constructor() {
    super([], (items, added) => [...items.filter(item => item.id !== added.id), added].sort((a, b) => a.rank - b.rank));
  }

  add(item: T): void {
    this.dispatch(item);
  }
}
