/**
 * The hub's time, as far as its answers tell it. Ages and countdowns are shown against it: the browser's clock may be
 * wrong, and the hub's is the one by which things are done. Taken in by the client, asked for by widgets.
 */

/** Less is no difference, in milliseconds: the header has whole seconds, and answers take a while. */
const LEAST = 2000;

let ahead = 0;

/** Take in the `Date` of an answer that has just come (RFC 9110, 6.6.1). `now`: the browser's time in milliseconds. */
export function heardTime(date: string | null, now = Date.now()): void {
  const told = Date.parse(date ?? '');
  if (!Number.isNaN(told)) {
    ahead = Math.abs(told - now) >= LEAST ? told - now : 0;
  }
}

/** The present time at the hub in milliseconds since 1970; the browser's, as long as nothing was heard. */
export function hubNow(now = Date.now()): number {
  return now + ahead;
}
