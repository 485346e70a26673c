/** How components follow what a notebook is attached to. */

import type { IExecutionView } from '../../api/types';
import type { IExecutions } from '../../executions/tokens';
import { useFollowed } from '../../kit/widgets/context';
import type { IAttachmentRow, IAttachments, INotebookKey } from '../tokens';

/** What tells what a notebook is attached to. */
export interface IClusterSource {
  readonly executions: IExecutions;
  readonly attachments: IAttachments;
}

/** An attachment with its execution. */
export interface ICluster {
  readonly row: IAttachmentRow;
  readonly execution: IExecutionView;
}

/** What a notebook is attached to, drawn again when that changes. */
export function useCluster(
  { executions, attachments }: IClusterSource,
  notebook: INotebookKey | null
): ICluster | null {
  const known = useFollowed(executions);
  useFollowed(attachments);
  const row = notebook && attachments.of(notebook);
  const execution = row && known.get(row.execution);
  return execution ? { row, execution } : null;
}
