/**
 * The active notebook: which it is, whether its kernel is free, and `%zoe attach` / `%zoe detach` in that kernel.
 *
 * A cluster's address and secrets are for the kernel alone, so attaching is done by the kernel's own magic; the page
 * only asks for it and shows what it says.
 */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { ZoeProblem } from '../api/problem';
import { runLine } from './kernel';
import type { INotebookInfo, INotebookLink } from './tokens';
import { KernelWatch } from './watch';

interface ITask {
  kind: 'attach' | 'detach' | null;
  progress: string;
  problem: ZoeProblem | null;
}

/** See `INotebookLink`. */
export class NotebookLink implements INotebookLink {
  constructor(
    private readonly _tracker: INotebookTracker,
    private readonly _trans: TranslationBundle
  ) {
    _tracker.currentChanged.connect(this._onCurrent, this);
    this._onCurrent();
  }

  get changed(): ISignal<INotebookLink, void> {
    return this._changed;
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
      language: spec?.language ?? null,
      status: this._watch?.status ?? 'none',
      task: task?.kind ?? null,
      progress: task?.progress ?? '',
      problem: task?.problem ?? null
    };
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
        code: 'no-kernel',
        detail: this._trans.__('No notebook with a running kernel is active.'),
        remedy: this._trans.__('Open a notebook and choose a kernel.')
      });
    }
    if (this._tasks.get(panel)?.kind) {
      throw new ZoeProblem({
        code: 'kernel-busy',
        detail: this._trans.__('This notebook is being attached or detached already.'),
        remedy: this._trans.__('Wait until that is done.')
      });
    }
    const task: ITask = { kind, progress: '', problem: null };
    const onProgress = (line: string): void => {
      task.progress = line;
      this._changed.emit();
    };
    this._tasks.set(panel, task);
    this._changed.emit();
    try {
      await runLine(kernel, code, onProgress, this._trans);
    } catch (error) {
      task.problem = ZoeProblem.from(error);
      throw task.problem;
    } finally {
      task.kind = null;
      this._changed.emit();
    }
  }

  private _onCurrent(): void {
    const panel = this._tracker.currentWidget;
    this._watch?.dispose();
    this._panel?.disposed.disconnect(this._onCurrent, this);
    this._panel = panel;
    this._watch = panel && new KernelWatch(panel.sessionContext, () => this._changed.emit());
    panel?.disposed.connect(this._onCurrent, this);
    this._changed.emit();
  }

  private readonly _tasks = new WeakMap<NotebookPanel, ITask>();
  private readonly _changed = new Signal<INotebookLink, void>(this);
  private _panel: NotebookPanel | null = null;
  private _watch: KernelWatch | null = null;
}
