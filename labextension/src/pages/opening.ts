/**
 * Where a page is shown: at an origin of its own that this browser reaches, else at JupyterLab's, in the sandbox or as
 * trusted. The server offers the ways; only the browser knows which of them lead somewhere. Used by the tabs.
 */

import type { IOpening, ZoeClient } from '../api/client';
import type { IOwnOrigin } from '../api/types';
import { ZoeProblem } from '../api/problem';
import type { IPlace } from './place';
import { pageOf } from './place';

/** An address with a ticket, for one frame. */
export interface IWay {
  readonly url: string;
  /** The frame must not give the page JupyterLab's origin. */
  readonly sandboxed: boolean;
}

const PATIENCE = 8000; // milliseconds for a listener that may be behind a tunnel, or on a busy machine

/** A way to a page, for a frame of this window. Rejects with a `ZoeProblem` if there is none. */
export async function wayTo(client: ZoeClient, place: IPlace): Promise<IWay> {
  // JupyterLab may itself be in a frame, as one is that Zoe has started.
  const outer = (window.location as { ancestorOrigins?: Iterable<string> }).ancestorOrigins; // not in older Firefox
  const ancestors = [window.location.origin, ...(outer ?? [])];
  const opening = await client.openPage(place.execution, pageOf(place), ancestors);
  return findWay(opening, window.location.href);
}

/** The first way that leads to the page. Rejects with a `ZoeProblem` if there is none. */
export async function findWay(opening: IOpening, base: string, ask: typeof fetch = fetch): Promise<IWay> {
  const answers = opening.own.map(own => reached(own, ask)); // all at once
  for (const [index, own] of opening.own.entries()) {
    if (await answers[index]) {
      return { url: own.url, sandboxed: false };
    }
  }
  if (!opening.fallback) {
    throw new ZoeProblem({ code: 'page-needs-origin' });
  }
  return { url: new URL(opening.fallback, base).href, sandboxed: opening.sandboxed };
}

/** Whether the right listener answers there, and not another program at its port on this machine. */
async function reached(own: IOwnOrigin, ask: typeof fetch): Promise<boolean> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), PATIENCE);
  try {
    const answer = await ask(own.here, { credentials: 'omit', cache: 'no-store', signal: late.signal });
    return answer.ok && (await answer.text()) === own.proof;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
