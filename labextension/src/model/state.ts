/**
 * What the panel knows, and how it changes. Pure: no network, no clock, no DOM. Called by the model; tested by itself.
 */

import type { IAttachmentView, IExecutionView, IWrongPlace, IZAppView } from '../api/types';
import type { ZoeProblem } from '../api/problem';

/** How many ended executions are kept. */
export const ENDED_KEPT = 20;

/** `paused`: the page is hidden, events wait on the server. */
export type Link = 'connecting' | 'live' | 'away' | 'paused';

/** An attachment that names its execution instead of holding a copy of it. */
export interface IAttachmentRow {
  readonly id: string;
  readonly key: string;
  readonly kernel: string;
  readonly execution: string;
  readonly renewed: string;
}

/** Everything that is shown. Replaced, never changed. */
export interface IZoeState {
  readonly link: Link;
  /** Why the hub is away. */
  readonly problem: ZoeProblem | null;
  /** What the connection waits for, in words. */
  readonly note: string;
  /** Whether anything was ever read. */
  readonly loaded: boolean;
  /** The folder that the Jupyter server shows, with a slash at its end; kernels know their notebooks by it. */
  readonly root: string;
  readonly zapps: readonly IZAppView[];
  /** Definitions that the hub could not read. */
  readonly definitions: readonly IWrongPlace[];
  readonly executions: ReadonlyMap<string, IExecutionView>;
  readonly attachments: readonly IAttachmentRow[];
}

export const EMPTY: IZoeState = {
  link: 'connecting',
  problem: null,
  note: '',
  loaded: false,
  root: '',
  zapps: [],
  definitions: [],
  executions: new Map(),
  attachments: []
};

/** What may happen to the state. */
export type Action =
  | { type: 'link'; link: Link; problem?: ZoeProblem | null; note?: string }
  | { type: 'root'; root: string }
  | { type: 'catalog'; zapps: readonly IZAppView[]; definitions: readonly IWrongPlace[] }
  | { type: 'executions'; items: readonly IExecutionView[] }
  | { type: 'execution'; execution: IExecutionView }
  | { type: 'gone'; execution: string }
  | { type: 'attachments'; items: readonly IAttachmentView[] };

/** The state after an action; the same object if nothing changed. */
export function reduce(state: IZoeState, action: Action): IZoeState {
  switch (action.type) {
    case 'link': {
      const { link, problem = null, note = '' } = action;
      const same = state.link === link && state.problem === problem && state.note === note;
      return same ? state : { ...state, link, problem, note };
    }
    case 'root':
      return state.root === action.root ? state : { ...state, root: action.root };
    case 'catalog':
      return { ...state, zapps: action.zapps, definitions: action.definitions };
    case 'executions':
      return {
        ...state,
        loaded: true,
        executions: bounded(new Map(action.items.map(item => [item.id, newer(state.executions.get(item.id), item)])))
      };
    case 'execution': {
      const known = state.executions.get(action.execution.id);
      const execution = newer(known, action.execution);
      if (execution === known) {
        return state;
      }
      return { ...state, executions: bounded(new Map(state.executions).set(execution.id, execution)) };
    }
    case 'gone': {
      if (!state.executions.has(action.execution)) {
        return state;
      }
      const executions = new Map(state.executions);
      executions.delete(action.execution);
      return { ...state, executions };
    }
    case 'attachments': {
      const executions = new Map(state.executions);
      for (const { execution } of action.items) {
        executions.set(execution.id, newer(executions.get(execution.id), execution));
      }
      return {
        ...state,
        executions: bounded(executions),
        attachments: action.items.map(({ id, key, kernel, execution, renewed }) => ({
          id,
          key,
          kernel,
          execution: execution.id,
          renewed
        }))
      };
    }
  }
}

/** Answers may overtake each other: an older version never replaces a newer one. */
function newer(known: IExecutionView | undefined, next: IExecutionView): IExecutionView {
  return known && known.version > next.version ? known : next;
}

/** Newest first, with the last ended ones only. */
function bounded(executions: Map<string, IExecutionView>): ReadonlyMap<string, IExecutionView> {
  const sorted = [...executions.values()].sort((a, b) => compare(b.created, a.created) || compare(b.id, a.id));
  const ended = sorted.filter(isEnded).sort((a, b) => compare(b.ended ?? b.created, a.ended ?? a.created));
  const dropped = new Set(ended.slice(ENDED_KEPT).map(execution => execution.id));
  return new Map(sorted.filter(execution => !dropped.has(execution.id)).map(execution => [execution.id, execution]));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Whether an execution is over. */
export function isEnded(execution: IExecutionView): boolean {
  return execution.phase === 'ended';
}
