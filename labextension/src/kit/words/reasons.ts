/** Why something is as it is, in words. Pure; used wherever a reason is shown. */

import type { IExecutionView } from '../../api/types';
import { strip } from './ansi';

/** The reason of the last decision, in plain text; it may quote a program's output. */
export function reasonWords(execution: IExecutionView): string {
  return strip(execution.reason).trim();
}

/** The reason without the output that it quotes. */
export function briefReason(execution: IExecutionView): string {
  const [first = ''] = reasonWords(execution).split('\n');
  return first.replace(/ ?Its log ends:$/, '');
}

/** The reason with the last of the output that it quotes, which is what mostly tells why. */
export function shortReason(execution: IExecutionView): string {
  const quoted = reasonWords(execution).split('\n').slice(1);
  return [briefReason(execution), ...quoted.slice(-2)].join('\n');
}
