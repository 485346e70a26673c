/** What other capabilities and extensions may ask of attachments. */

import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { ZoeProblem } from '../api/problem';
import type { IFollowed } from '../kit/model/store';

/** An attachment that names its execution instead of holding a copy of it. */
export interface IAttachmentRow {
  readonly id: string;
  readonly key: string;
  readonly kernel: string;
  readonly execution: string;
  readonly renewed: string;
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

/** The active notebook as it is now. */
export interface INotebookInfo {
  /** Path below the server's root. */
  readonly path: string;
  readonly name: string;
  readonly kernel: string | null;
  readonly language: string | null;
  readonly status: 'none' | 'starting' | 'idle' | 'busy' | 'dead';
  /** What is being done to it by this page. */
  readonly task: 'attach' | 'detach' | null;
  /** The last line that the kernel said about it. */
  readonly progress: string;
  readonly problem: ZoeProblem | null;
}

/** Attaches the active notebook. */
export interface INotebookLink {
  /** The active notebook, or null if there is none. */
  readonly current: INotebookInfo | null;
  /** Something about the active notebook changed. */
  readonly changed: ISignal<INotebookLink, void>;
  /** Run `%zoe attach` in its kernel. Rejects with a `ZoeProblem`, which `current.problem` shows as well. */
  attach(zapp: string, workers: number | null): Promise<void>;
  /**
   * Connect its kernel to an execution that it is attached to, for example after a restart. Rejects with a
   * `ZoeProblem`.
   */
  reconnect(execution: string): Promise<void>;
  /** Run `%zoe detach` in its kernel. Rejects with a `ZoeProblem`. */
  detach(execution: string, keep: boolean): Promise<void>;
  /** Forget the problem that is shown. */
  dismiss(): void;
}
export const INotebookLink = new Token<INotebookLink>(
  'jupyter-zoe:INotebookLink',
  'Attaches the active notebook to a Zoe execution.'
);

export const AttachmentCommands = {
  /** `{zapp?: string, workers?: number}` */
  attach: 'zoe:attach',
  /** Gives the kernel a session of the cluster that its notebook is attached to. */
  reconnect: 'zoe:reconnect',
  detach: 'zoe:detach'
} as const;
