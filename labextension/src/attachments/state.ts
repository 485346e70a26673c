/** What the panel knows of attachments, and questions about it. Pure: no network, no clock, no DOM. */

import type { IAttachmentView, IZAppView } from '../api/types';
import type { Executions } from '../kit/executions';
import type { IAttachmentRow, IAttachmentsState, INotebookKey } from './tokens';

export const NONE: IAttachmentsState = { root: '', rows: [] };

/** What may happen to it. */
export type AttachmentsAction = { type: 'root'; root: string } | { type: 'all'; items: readonly IAttachmentView[] };

/** The state after an action; the same object if nothing changed. */
export function reduceAttachments(state: IAttachmentsState, action: AttachmentsAction): IAttachmentsState {
  switch (action.type) {
    case 'root':
      return state.root === action.root ? state : { ...state, root: action.root };
    case 'all':
      return { ...state, rows: action.items.map(rowOf) };
  }
}

function rowOf({ id, key, kernel, execution, renewed, kind, gone }: IAttachmentView): IAttachmentRow {
  return { id, key, kernel, execution: execution.id, renewed, kind, gone };
}

/**
 * The attachment of a notebook: of its kernel, or else of its path; of several the one renewed last, which `%zoe` means
 * too.
 *
 * A kernel names its notebook by the absolute path (`JPY_SESSION_NAME`), the browser by the one below the server's
 * root.
 */
export function attachmentOf(
  { root, rows }: IAttachmentsState,
  executions: Executions,
  { path, kernel }: INotebookKey
): IAttachmentRow | null {
  const alive = rows
    .filter(row => {
      const execution = executions.get(row.execution);
      return execution !== undefined && execution.desired !== 'ended';
    })
    .sort((one, other) => Date.parse(other.renewed) - Date.parse(one.renewed));
  return (
    alive.find(row => kernel !== null && (row.kernel === kernel || row.key === kernel)) ??
    alive.find(row => path !== '' && (row.key === path || (root !== '' && row.key === root + path))) ??
    null
  );
}

/** ZApps that a kernel of this language can connect to; without a language, a kernel of any. */
export function attachable(zapps: readonly IZAppView[], language: string | null): IZAppView[] {
  return zapps.filter(zapp => (language ? zapp.attach.includes(language) : zapp.attach.length > 0));
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
