/** Shows the output of a process: stays at the end unless scrolled up, and says below where it stands. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import type { LogModel } from '../model';
import { LogLines } from './lines';

/** The content of a log's tab. Reads only while it is visible. */
export class LogViewer extends Widget {
  constructor(
    readonly model: LogModel,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-zoe-Logs');
    this._lines = new LogLines(model.buffer, () => this.drawn.emit());
    this._status = document.createElement('div');
    this._status.className = 'jp-zoe-Logs-status';
    this._status.setAttribute('role', 'status');
    this.node.append(this._lines.node, this._status);
    model.fed.connect(() => this._lines.draw(model.buffer));
    model.said.connect(() => this._say());
    model.changed.connect(() => this._label());
    this._label();
  }

  /** New output was drawn. */
  readonly drawn = new Signal<this, void>(this);

  /** The element with one child for each line that is kept. */
  get lines(): HTMLElement {
    return this._lines.lines;
  }

  /** Scroll to the end and stay there. */
  toEnd(): void {
    this._lines.toEnd();
  }

  /** Show a place in the output; new lines do not move it away. */
  reveal(range: Range): void {
    this._lines.reveal(range);
  }

  /** Break long lines or let them run out to the right. */
  toggleWrap(): void {
    this.lines.classList.toggle('jp-zoe-mod-wrap');
  }

  /** Save the whole output as a file. */
  download(): void {
    const { url, name } = this.model.file;
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
  }

  override dispose(): void {
    if (!this.isDisposed) {
      this.model.dispose();
      this._lines.dispose();
      Signal.clearData(this);
      super.dispose();
    }
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this.model.resume();
    this._lines.keepEnd();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this.model.resume();
    }
  }

  protected override onBeforeHide(message: Message): void {
    this.model.pause();
    super.onBeforeHide(message);
  }

  protected override onActivateRequest(): void {
    this._lines.node.focus({ preventScroll: true });
  }

  private _label(): void {
    const { process, execution } = this.model;
    this.title.label = `${execution.name}: ${process}`;
    this.title.caption = this._trans.__('Output of %1 of %2', process, execution.name);
    this._lines.node.setAttribute('aria-label', this.title.caption);
  }

  private _say(): void {
    this._status.textContent = this.model.words;
    this._status.classList.toggle('jp-zoe-mod-problem', this.model.isProblem);
  }

  private readonly _lines: LogLines;
  private readonly _status: HTMLElement;
}
