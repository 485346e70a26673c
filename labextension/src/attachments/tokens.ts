/** What other capabilities and extensions may ask of attachments. */

import type { NotebookPanel } from '@jupyterlab/notebook';
import { Token } from '@lumino/coreutils';
import type { ZoeProblem } from '../api/problem';
import type { IAttachmentView } from '../api/types';
import type { IFollowed } from '../kit/model/store';
import type { IReport } from './report';

/** An attachment that names its execution instead of holding a copy of it. */
export interface IAttachmentRow {
  readonly id: string;
  readonly key: string;
  readonly kernel: string;
  readonly execution: string;
  readonly renewed: string;
  /** What is attached. */
  readonly kind: IAttachmentView['kind'];
  /** Since when nobody has renewed it. */
  readonly gone: string | null;
}

/** What is known of them. */
export interface IAttachmentsState {
  /** The folder that the Jupyter server shows, with a slash at its end; kernels know their notebooks by it. */
  readonly root: string;
  readonly rows: readonly IAttachmentRow[];
}

/** What identifies an open notebook to an attachment. */
export interface INotebookKey {
  /** The path as Jupyter knows it, relative to the server's root. */
  readonly path: string;
  readonly kernel: string | null;
}

/** Which notebooks are attached to which executions. */
export interface IAttachments extends IFollowed<IAttachmentsState> {
  /** The attachment of a notebook, if it has one. */
  of(notebook: INotebookKey): IAttachmentRow | null;
  /** Undo an attachment; `keep` leaves the execution running. Rejects with a `ZoeProblem`. */
  detach(attachment: string, keep: boolean): Promise<void>;
  /** Read them again. */
  refresh(): Promise<void>;
}
export const IAttachments = new Token<IAttachments>(
  'jupyter-zoe:IAttachments',
  'Which notebooks are attached to which executions of Zoe.'
);

/** An open notebook as it is now. */
export interface INotebookInfo extends INotebookKey {
  readonly name: string;
  readonly language: string | null;
  readonly status: 'none' | 'starting' | 'idle' | 'busy' | 'dead';
  /** What this page has its kernel do, and how far that is. */
  readonly task: { readonly verb: 'attach' | 'detach'; readonly report: IReport | null } | null;
  /** Why the last task failed, until it is dismissed. */
  readonly problem: ZoeProblem | null;
}

/** An open notebook. What it has its kernel do rejects with a `ZoeProblem`, which its state shows as well. */
export interface IOpenNotebook extends IFollowed<INotebookInfo> {
  /** Run `%zoe attach` in its kernel. */
  attach(zapp: string, workers: number | null): Promise<void>;
  /** Connect its kernel to an execution that it is attached to, for example after a restart. */
  reconnect(execution: string): Promise<void>;
  /** Run `%zoe detach` in its kernel. */
  detach(execution: string, keep: boolean): Promise<void>;
  /** Forget the problem that is shown. */
  dismiss(): void;
}

/** The open notebooks; the state is that of the active one, or null. */
export interface IOpenNotebooks extends IFollowed<INotebookInfo | null> {
  /** The active one, or null if there is none. */
  readonly current: IOpenNotebook | null;
  of(panel: NotebookPanel): IOpenNotebook;
}
export const IOpenNotebooks = new Token<IOpenNotebooks>(
  'jupyter-zoe:IOpenNotebooks',
  'Open notebooks, and how they are attached to executions of Zoe.'
);

export const AttachmentCommands = {
  /** `{zapp?: string, workers?: number}` */
  attach: 'zoe:attach',
  /** Gives the kernel a session of the cluster that its notebook is attached to. */
  reconnect: 'zoe:reconnect',
  detach: 'zoe:detach'
} as const;
