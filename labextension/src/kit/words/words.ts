/** Words for what the hub says in codes. Pure; used by all that shows executions. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IExecutionView } from '../../api/types';

/** The phase of an execution, or how it ended, in words. */
export function phaseWords(execution: IExecutionView, trans: TranslationBundle): string {
  switch (execution.phase) {
    case 'queued':
      return trans.__('Queued');
    case 'starting':
      return trans.__('Starting');
    case 'running':
      return trans.__('Running');
    case 'stopping':
      return trans.__('Stopping');
    case 'ended':
      switch (execution.outcome) {
        case 'completed':
          return trans.__('Completed');
        case 'failed':
          return trans.__('Failed');
        case 'cancelled':
          return trans.__('Stopped');
        default:
          return trans.__('Lost');
      }
  }
}

/** What an exit code means, in a word; a negative one is a signal. */
export function exitWords(code: number, trans: TranslationBundle): string {
  return code < 0 ? trans.__('ended by signal %1', -code) : trans.__('exit code %1', code);
}

/** Time since a moment, in its greatest unit. `now`: milliseconds. */
export function span(from: string, now: number, trans: TranslationBundle): string {
  return durationWords(Math.floor((now - Date.parse(from)) / 1000), trans);
}

/** A number of seconds in its greatest unit: `5 s`, `3 min`, `2 h`, `4 d`; nothing is less than nothing. */
export function durationWords(duration: number, trans: TranslationBundle): string {
  const seconds = Math.max(0, duration);
  if (seconds < 60) {
    return trans.__('%1 s', seconds);
  }
  if (seconds < 3600) {
    return trans.__('%1 min', Math.floor(seconds / 60));
  }
  if (seconds < 48 * 3600) {
    return trans.__('%1 h', Math.floor(seconds / 3600));
  }
  return trans.__('%1 d', Math.floor(seconds / 86400));
}
