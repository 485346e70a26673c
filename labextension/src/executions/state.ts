/** Which executions are known, and how that changes. Pure: no network, no clock, no DOM. Used by the model. */

import type { IExecutionView } from '../api/types';
import type { Executions } from '../kit/executions';
import { isEnded } from '../kit/executions';

/** How many ended executions are kept. */
export const ENDED_KEPT = 20;

/** What may happen to them. */
export type ExecutionsAction =
  | { type: 'all'; items: readonly IExecutionView[] }
  | { type: 'some'; items: readonly IExecutionView[] }
  | { type: 'gone'; execution: string };

/** The executions after an action; the same object if nothing changed. */
export function reduceExecutions(known: Executions, action: ExecutionsAction): Executions {
  switch (action.type) {
    case 'all':
      return bounded(new Map(action.items.map(item => [item.id, newer(known.get(item.id), item)])));
    case 'some': {
      const changed = action.items.filter(item => newer(known.get(item.id), item) !== known.get(item.id));
      return changed.length === 0
        ? known
        : bounded(new Map([...known, ...changed.map(item => [item.id, item] as const)]));
    }
    case 'gone': {
      const left = new Map(known);
      return left.delete(action.execution) ? left : known;
    }
  }
}

/** Those that have ended since. */
export function endedSince(before: Executions, after: Executions): IExecutionView[] {
  return [...after.values()].filter(execution => {
    const known = before.get(execution.id);
    return isEnded(execution) && known !== undefined && !isEnded(known);
  });
}

/** Answers may overtake each other: an older version never replaces a newer one. */
function newer(known: IExecutionView | undefined, next: IExecutionView): IExecutionView {
  return known && known.version > next.version ? known : next;
}

/** Newest first, with the last ended ones only. */
function bounded(executions: Executions): Executions {
  const sorted = [...executions.values()].sort((a, b) => compare(b.created, a.created) || compare(b.id, a.id));
  const ended = sorted.filter(isEnded).sort((a, b) => compare(b.ended ?? b.created, a.ended ?? a.created));
  const dropped = new Set(ended.slice(ENDED_KEPT).map(execution => execution.id));
  return new Map(sorted.filter(execution => !dropped.has(execution.id)).map(execution => [execution.id, execution]));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
