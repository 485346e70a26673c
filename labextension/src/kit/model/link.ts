/** What is known of the connection to the hub, and how that changes. Pure; used by the connection. */

import type { ZoeProblem } from '../../api/problem';

/** `paused`: the page is hidden, events wait on the server. */
export type Link = 'connecting' | 'live' | 'away' | 'paused';

/** The connection. */
export interface ILinkState {
  readonly link: Link;
  /** Why the hub is away. */
  readonly problem: ZoeProblem | null;
  /** What the connection waits for, in the server extension's words. */
  readonly note: string;
  /** Whether everything was ever read. */
  readonly loaded: boolean;
}

export const CONNECTING: ILinkState = { link: 'connecting', problem: null, note: '', loaded: false };

/** What may happen to it. */
export type LinkAction = { type: 'link'; link: Link; problem?: ZoeProblem; note?: string } | { type: 'loaded' };

/** The state after an action; the same object if nothing changed. */
export function reduceLink(state: ILinkState, action: LinkAction): ILinkState {
  if (action.type === 'loaded') {
    return state.loaded ? state : { ...state, loaded: true };
  }
  const { link, problem = null, note = '' } = action;
  const same = state.link === link && state.problem === problem && state.note === note;
  return same ? state : { ...state, link, problem, note };
}
