/** Questions about the state. Pure; used by widgets and plugins. */

import type { IExecutionView, IGroupView, IZAppView } from '../api/types';
import type { IAttachmentRow, IZoeState } from './state';
import { isEnded } from './state';

/** Executions that have not ended, newest first. */
export function running(state: IZoeState): IExecutionView[] {
  return [...state.executions.values()].filter(execution => !isEnded(execution));
}

/** Ended executions, the last one first. */
export function ended(state: IZoeState): IExecutionView[] {
  return [...state.executions.values()]
    .filter(isEnded)
    .sort((a, b) => (b.ended ?? b.created).localeCompare(a.ended ?? a.created));
}

/** ZApps that a kernel of this language can connect to; without a language, a kernel of any. */
export function attachable(state: IZoeState, language: string | null): IZAppView[] {
  return state.zapps.filter(zapp => (language ? zapp.attach.includes(language) : zapp.attach.length > 0));
}

/** The groups that can grow. */
export function scalable(execution: IExecutionView): IGroupView[] {
  return execution.groups.filter(group => group.scalable);
}

/** How many processes are ready, of how many that are wanted. */
export function readiness(execution: IExecutionView): { ready: number; wanted: number } {
  const sum = (value: (group: IGroupView) => number): number =>
    execution.groups.reduce((n, group) => n + value(group), 0);
  return { ready: sum(group => group.ready), wanted: sum(group => group.count) };
}

/** What identifies an open notebook to an attachment. */
export interface INotebookKey {
  /** The path as Jupyter knows it, relative to the server's root. */
  readonly path: string;
  readonly kernel: string | null;
}

/**
 * The attachment of a notebook: of its kernel, or else of its path; of several the one renewed last, which `%zoe` means
 * too.
 *
 * A kernel names its notebook by the absolute path (`JPY_SESSION_NAME`), the browser by the one below the server's
 * root.
 */
export function attachmentOf(state: IZoeState, notebook: INotebookKey): IAttachmentRow | null {
  const { path, kernel } = notebook;
  const alive = state.attachments
    .filter(row => {
      const execution = state.executions.get(row.execution);
      return execution !== undefined && execution.desired !== 'ended';
    })
    .sort((one, other) => Date.parse(other.renewed) - Date.parse(one.renewed));
  return (
    alive.find(row => kernel !== null && (row.kernel === kernel || row.key === kernel)) ??
    alive.find(row => path !== '' && (row.key === path || (state.root !== '' && row.key === state.root + path))) ??
    null
  );
}

/** How many workers a ZApp may be started with, if its parameters say so. */
export function workersOf(zapp: IZAppView): { minimum: number; maximum: number; initial: number } | null {
  const properties = (zapp.parameters.properties ?? {}) as Record<string, Record<string, unknown> | undefined>;
  const workers = properties.workers;
  if (!workers || (workers.type !== 'integer' && workers.type !== 'number')) {
    return null;
  }
  const number = (value: unknown, otherwise: number): number => (typeof value === 'number' ? value : otherwise);
  const minimum = number(workers.minimum, 1);
  const maximum = number(workers.maximum, 1000);
  return { minimum, maximum, initial: Math.min(maximum, Math.max(minimum, number(workers.default, minimum))) };
}
