/** The open notebooks, and which of them is active. Made by the capability's plugin. */

import type { INotebookTracker, NotebookPanel } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { OpenNotebook } from './notebook';
import type { INotebookInfo, IOpenNotebook, IOpenNotebooks } from './tokens';

/** See `IOpenNotebooks`. */
export class OpenNotebooks implements IOpenNotebooks {
  constructor(
    private readonly _tracker: INotebookTracker,
    private readonly _trans: TranslationBundle
  ) {
    _tracker.currentChanged.connect(this._onCurrent, this);
    this._onCurrent();
  }

  get state(): INotebookInfo | null {
    return this._current?.state ?? null;
  }

  get changed(): ISignal<this, INotebookInfo | null> {
    return this._changed;
  }

  get current(): IOpenNotebook | null {
    return this._current;
  }

  of(panel: NotebookPanel): OpenNotebook {
    let known = this._known.get(panel);
    if (!known) {
      const made = new OpenNotebook(panel, this._trans);
      panel.disposed.connect(() => made.dispose());
      this._known.set(panel, made);
      known = made;
    }
    return known;
  }

  private _onCurrent(): void {
    const panel = this._tracker.currentWidget;
    this._current?.changed.disconnect(this._onChange, this);
    this._current = panel && this.of(panel);
    this._current?.changed.connect(this._onChange, this);
    this._onChange();
  }

  private _onChange(): void {
    this._changed.emit(this.state);
  }

  private readonly _changed = new Signal<this, INotebookInfo | null>(this);
  private readonly _known = new WeakMap<NotebookPanel, OpenNotebook>();
  private _current: OpenNotebook | null = null;
}
