/**
 * The active notebook: which it is, whether its kernel is free, and `%zoe attach` / `%zoe detach` in that kernel.
 *
 * A cluster's address and secrets are for the kernel alone, so attaching is done by the kernel's own magic; the page
 * only
 * asks for it and shows what it says.
 */

import type { ISessionContext } from '@jupyterlab/apputils';
import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { ZoeProblem } from '../api/problem';
import { strip } from './ansi';

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
export interface INotebookLink extends IDisposable {
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

interface ITask {
  kind: 'attach' | 'detach' | null;
  progress: string;
  problem: ZoeProblem | null;
}

/** See `INotebookLink`. */
export class NotebookLink implements INotebookLink {
  constructor(tracker: INotebookTracker) {
    this._tracker = tracker;
    tracker.currentChanged.connect(this._onCurrent, this);
    this._onCurrent();
  }

  get changed(): ISignal<INotebookLink, void> {
    return this._changed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  get current(): INotebookInfo | null {
    const panel = this._panel;
    if (!panel) {
      return null;
    }
    const context = panel.sessionContext;
    const session = context.session;
    const kernel = session?.kernel ?? null;
    const spec = kernel ? context.specsManager.specs?.kernelspecs[kernel.name] : undefined;
    const path = (session?.path ?? panel.context.path).replace(/^[^/:]+:/, '');
    const task = this._tasks.get(panel);
    return {
      path,
      name: path.slice(path.lastIndexOf('/') + 1),
      kernel: kernel?.id ?? null,
      language: spec?.language.toLowerCase() ?? null,
      status: kernel
        ? simpleStatus(kernel.status, this._answered === kernel.id)
        : context.isReady
          ? 'none'
          : 'starting',
      task: task?.kind ?? null,
      progress: task?.progress ?? '',
      problem: task?.problem ?? null
    };
  }

  dispose(): void {
    if (!this._disposed) {
      this._disposed = true;
      this._tracker.currentChanged.disconnect(this._onCurrent, this);
      this._watch(null);
      Signal.clearData(this);
    }
  }

  attach(zapp: string, workers: number | null): Promise<void> {
    return this._run('attach', `%zoe attach ${zapp}${workers === null ? '' : ` --workers ${workers}`}`);
  }

  reconnect(execution: string): Promise<void> {
    return this._run('attach', `%zoe attach --execution ${execution}`);
  }

  detach(execution: string, keep: boolean): Promise<void> {
    return this._run('detach', `%zoe detach ${execution}${keep ? ' --keep' : ''}`);
  }

  dismiss(): void {
    const task = this._panel && this._tasks.get(this._panel);
    if (task) {
      task.problem = null;
      this._changed.emit();
    }
  }

  private async _run(kind: 'attach' | 'detach', code: string): Promise<void> {
    const panel = this._panel;
    const kernel = panel?.sessionContext.session?.kernel;
    if (!panel || !kernel) {
      throw new ZoeProblem({
        status: 0,
        code: 'no-kernel',
        detail: 'No notebook with a running kernel is active.',
        remedy: 'Open a notebook and choose a kernel.'
      });
    }
    if (this._tasks.get(panel)?.kind) {
      throw new ZoeProblem({
        status: 0,
        code: 'kernel-busy',
        detail: 'This notebook is being attached or detached already.',
        remedy: 'Wait until that is done.'
      });
    }
    const task: ITask = { kind, progress: '', problem: null };
    this._tasks.set(panel, task);
    this._changed.emit();
    try {
      await this._execute(
        kernel.requestExecute({ code, store_history: false, allow_stdin: false, stop_on_error: false }),
        task
      );
    } catch (error) {
      task.problem = ZoeProblem.from(error);
      throw task.problem;
    } finally {
      task.kind = null;
      this._changed.emit();
    }
  }

  private async _execute(future: IFuture, task: ITask): Promise<void> {
    let errors = '';
    let failure = '';
    future.onIOPub = message => {
      const said = saidBy(message);
      if (said === null) {
        return;
      }
      if (said.kind === 'error') {
        failure = said.text;
      } else if (said.kind === 'stderr') {
        errors += said.text;
      }
      const line = said.text.trimEnd().split('\n').pop()?.trim();
      if (line) {
        task.progress = line.slice(0, 500);
        this._changed.emit();
      }
    };
    const reply = await future.done;
    const status = reply?.content.status;
    if (status === undefined || status === 'aborted') {
      throw new ZoeProblem({
        status: 0,
        code: 'kernel-gone',
        detail: 'The kernel was interrupted or restarted.',
        remedy: 'Try again.'
      });
    }
    if (status === 'error' || failure) {
      const text = (errors.trim() || failure || task.progress || 'The kernel reported an error.').slice(-2000);
      throw new ZoeProblem({ status: 0, code: 'kernel-error', detail: text });
    }
  }

  private _onCurrent(): void {
    this._watch(this._tracker.currentWidget);
    this._changed.emit();
  }

  private _watch(panel: NotebookPanel | null): void {
    const old = this._panel;
    if (old && !old.isDisposed) {
      old.sessionContext.kernelChanged.disconnect(this._onChanged, this);
      old.sessionContext.statusChanged.disconnect(this._onStatus, this);
      old.sessionContext.propertyChanged.disconnect(this._onChanged, this);
      old.sessionContext.connectionStatusChanged.disconnect(this._onConnection, this);
      old.disposed.disconnect(this._onCurrent, this);
    }
    this._panel = panel;
    this._answered = null;
    if (panel) {
      panel.sessionContext.kernelChanged.connect(this._onChanged, this);
      panel.sessionContext.statusChanged.connect(this._onStatus, this);
      panel.sessionContext.propertyChanged.connect(this._onChanged, this);
      panel.sessionContext.connectionStatusChanged.connect(this._onConnection, this);
      panel.disposed.connect(this._onCurrent, this);
      this._ask(panel.sessionContext);
    }
  }

  private _onChanged(): void {
    this._changed.emit();
  }

  private _onStatus(_: ISessionContext, status: Kernel.Status): void {
    if (status === 'restarting' || status === 'autorestarting') {
      this._answered = null;
    }
    this._changed.emit();
  }

  private _onConnection(context: ISessionContext): void {
    this._answered = null;
    this._ask(context);
  }

  /**
   * A restarted kernel says that it is idle before JupyterLab listens again, which then takes it for restarting until
   * it next
   * works. So a connected kernel of unknown state is asked something, and counts as idle once it has answered.
   */
  private _ask(context: ISessionContext): void {
    const kernel = context.session?.kernel;
    if (kernel?.connectionStatus !== 'connected' || simpleStatus(kernel.status, false) !== 'starting') {
      return;
    }
    kernel
      .requestKernelInfo()
      .then(reply => {
        if (reply && this._panel?.sessionContext === context) {
          this._answered = kernel.id;
          this._changed.emit();
        }
      })
      .catch(() => undefined); // it has gone, or restarts again
  }

  private readonly _tracker: INotebookTracker;
  private readonly _tasks = new WeakMap<NotebookPanel, ITask>();
  private readonly _changed = new Signal<INotebookLink, void>(this);
  private _panel: NotebookPanel | null = null;
  private _answered: string | null = null;
  private _disposed = false;
}

/** The part of a kernel future that is used here. */
interface IFuture {
  onIOPub: (message: KernelMessage.IIOPubMessage) => void | PromiseLike<void>;
  readonly done: Promise<KernelMessage.IExecuteReplyMsg | undefined>;
}

function simpleStatus(status: string, answered: boolean): INotebookInfo['status'] {
  switch (status) {
    case 'idle':
    case 'busy':
    case 'dead':
      return status;
    default:
      return answered ? 'idle' : 'starting';
  }
}

const OWN_ERRORS = ['ZoeError', 'UsageError'];

/** What a message of the kernel says in plain text. */
function saidBy(message: KernelMessage.IIOPubMessage): { kind: 'text' | 'stderr' | 'error'; text: string } | null {
  const content = message.content as Record<string, unknown>;
  switch (message.header.msg_type) {
    case 'stream':
      return { kind: content.name === 'stderr' ? 'stderr' : 'text', text: strip(String(content.text)) };
    case 'display_data':
    case 'update_display_data':
    case 'execute_result': {
      const text = (content.data as Record<string, unknown> | undefined)?.['text/plain'];
      return typeof text === 'string' ? { kind: 'text', text: strip(text) } : null;
    }
    case 'error':
      // Zoe's own messages are sentences; other errors are known by their name.
      return {
        kind: 'error',
        text: strip(
          OWN_ERRORS.includes(String(content.ename))
            ? String(content.evalue)
            : `${String(content.ename)}: ${String(content.evalue)}`
        )
      };
    default:
      return null;
  }
}
