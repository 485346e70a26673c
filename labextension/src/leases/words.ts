/** How long nobody has used an execution, and what follows when. Pure; used by the card and the status bar. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IExecutionView, IIdleView } from '../api/types';
import { durationWords, span } from '../kit/words/words';

/** Seconds before something is done from which on it is urgent. */
const SOON = 300;

/** What is told of an execution that nobody uses. */
export interface IIdleWords {
  /** In few words. */
  readonly short: string;
  /** The reason, and what will be done. */
  readonly long: string;
  readonly isSoon: boolean;
}

/** Seconds until something is done about it; less than nothing if it is overdue. `now`: milliseconds. */
export function secondsLeft(idle: IIdleView, now: number): number {
  return Math.ceil((Date.parse(idle.at) - now) / 1000);
}

/** What is told now; null if it is in use. */
export function idleWords(execution: IExecutionView, now: number, trans: TranslationBundle): IIdleWords | null {
  const { idle, name } = execution;
  if (!idle) {
    return null;
  }
  const left = secondsLeft(idle, now);
  const [since, until] = [span(idle.since, now, trans), durationWords(left, trans)];
  const shrinks = idle.action === 'shrink';
  return {
    short: shrinks
      ? trans.__('Idle for %1, shrinks in %2', since, until)
      : trans.__('Idle for %1, ends in %2', since, until),
    long: shrinks
      ? trans.__(
          'No kernel, query, job or terminal has used %1 for %2. In %3 it keeps its essential processes alone.',
          name,
          since,
          until
        )
      : trans.__('No kernel, query, job or terminal has used %1 for %2. In %3 it ends.', name, since, until),
    isSoon: left <= SOON
  };
}
