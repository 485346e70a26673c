/**
 * An open notebook: whether its kernel is free, and `%zoe attach` / `%zoe detach` in that kernel.
 *
 * A cluster's address and secrets are for the kernel alone, so attaching is done by the kernel's own magic; the page
 * only asks for it and shows what it reports.
 */

import type { NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { ZoeProblem } from '../api/problem';
import { runLine } from './kernel';
import type { INotebookInfo, IOpenNotebook } from './tokens';
import { KernelWatch } from './watch';

/** See `IOpenNotebook`. Made by the list of open notebooks, which disposes of it with its panel. */
export class OpenNotebook implements IOpenNotebook {
  constructor(
    private readonly _panel: NotebookPanel,
    private readonly _trans: TranslationBundle
  ) {
    this._watch = new KernelWatch(_panel.sessionContext, () => this._update());
    this._state = this._read();
  }

  get state(): INotebookInfo {
    return this._state;
  }

  get changed(): ISignal<this, INotebookInfo> {
    return this._changed;
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
    this._problem = null;
    this._update();
  }

  dispose(): void {
    this._watch.dispose();
    Signal.clearData(this);
  }

  private async _run(verb: 'attach' | 'detach', code: string): Promise<void> {
    if (this._task) {
      throw new ZoeProblem({
        code: 'kernel-busy',
        detail: this._trans.__('This notebook is being attached or detached already.'),
        remedy: this._trans.__('Wait until that is done.')
      });
    }
    const show = (task: INotebookInfo['task'], problem: ZoeProblem | null = null): void => {
      this._task = task;
      this._problem = problem;
      this._update();
    };
    show({ verb, report: null });
    try {
      const kernel = this._panel.sessionContext.session?.kernel;
      if (!kernel) {
        throw new ZoeProblem({
          code: 'no-kernel',
          detail: this._trans.__('This notebook has no running kernel.'),
          remedy: this._trans.__('Choose a kernel for it.')
        });
      }
      await runLine(kernel, code, report => show({ verb, report }), this._trans);
      show(null);
    } catch (error) {
      const problem = ZoeProblem.from(error);
      show(null, problem);
      throw problem;
    }
  }

  private _update(): void {
    this._state = this._read();
    this._changed.emit(this._state);
  }

  private _read(): INotebookInfo {
    const { sessionContext: context } = this._panel;
    const session = context.session;
    const kernel = session?.kernel ?? null;
    const spec = kernel ? context.specsManager.specs?.kernelspecs[kernel.name] : undefined;
    const path = (session?.path ?? this._panel.context.path).replace(/^[^/:]+:/, '');
    return {
      path,
      name: path.slice(path.lastIndexOf('/') + 1),
      kernel: kernel?.id ?? null,
      language: spec?.language ?? null,
      status: this._watch.status,
      task: this._task,
      problem: this._problem
    };
  }

  private readonly _watch: KernelWatch;
  private readonly _changed = new Signal<this, INotebookInfo>(this);
  private _state: INotebookInfo;
  private _task: INotebookInfo['task'] = null;
  private _problem: ZoeProblem | null = null;
}
