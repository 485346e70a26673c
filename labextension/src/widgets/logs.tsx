/**
 * The output of a process in a tab: follows it, stays at the end unless scrolled up, keeps the last lines only.
 *
 * It holds a connection only while it is shown, and resumes at the byte where it stopped: browsers allow few
 * connections.
 */

import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { downloadIcon, HTMLSelect, ReactWidget, Toolbar, ToolbarButton, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Widget } from '@lumino/widgets';
import React from 'react';
import { ZoeProblem } from '../api/problem';
import type { IExecutionView, IProcessView } from '../api/types';
import { LogBuffer } from '../model/log';
import { LogReader } from '../model/logreader';
import { exitWords } from '../model/words';
import type { IZoeModel } from '../tokens';
import { bottomIcon, wrapIcon, zoeIcon } from './icons';

/** Bytes from the end that are read first. */
const TAIL = 512 * 1024;
/** Lines kept in the page. */
const LINES = 5000;
/** Pixels from the end that still count as the end. */
const NEAR = 24;

/** What a viewer shows. The execution need not be known yet, so that a tab comes back before the hub answers. */
export interface ILogOptions {
  readonly model: IZoeModel;
  readonly execution: { readonly id: string; readonly name: string };
  readonly process: string;
  readonly trans: TranslationBundle;
}

/** Shows the output of one process of an execution. */
export class LogViewer extends Widget {
  constructor(options: ILogOptions) {
    super();
    this._model = options.model;
    this._execution = options.execution;
    this._process = options.process;
    this._trans = options.trans;
    this.addClass('jp-zoe-Logs');
    this._scroller = document.createElement('div');
    this._scroller.className = 'jp-zoe-Logs-scroller jp-RenderedText';
    this._scroller.tabIndex = 0;
    this._scroller.setAttribute('role', 'log');
    this._scroller.setAttribute('aria-live', 'off');
    this._lines = document.createElement('pre');
    this._scroller.append(this._lines);
    this._status = document.createElement('div');
    this._status.className = 'jp-zoe-Logs-status';
    this._status.setAttribute('role', 'status');
    this.node.append(this._scroller, this._status);
    this._scroller.addEventListener('scroll', () => this._setFollows(this._atEnd()));
    this._model.changed.connect(this._onModel, this);
    this._label();
  }

  /** The execution and process that are shown. */
  get execution(): string {
    return this._execution.id;
  }

  get name(): string {
    return this._execution.name;
  }

  get process(): string {
    return this._process;
  }

  set process(process: string) {
    if (process !== this._process) {
      this._process = process;
      this._reset();
      this.changed.emit();
      this._connect();
    }
  }

  /** The processes to choose from. */
  get processes(): readonly IProcessView[] {
    return this._current?.processes ?? [];
  }

  /** Whether new lines are scrolled to. */
  get follows(): boolean {
    return this._follows;
  }

  /** Scroll to the end and stay there. */
  toEnd(): void {
    this._setFollows(true);
    this._scroller.scrollTop = this._scroller.scrollHeight;
  }

  /** Break long lines or let them run out to the right. */
  toggleWrap(): void {
    this._lines.classList.toggle('jp-zoe-mod-wrap');
  }

  /** Save the whole output as a file. */
  download(): void {
    const link = document.createElement('a');
    link.href = this._model.logUrl(this._execution.id, this._process);
    link.download = `${this._execution.name}-${this._process}.log`;
    link.click();
  }

  /** The element with one child for each line that is kept. */
  get lines(): HTMLElement {
    return this._lines;
  }

  /** Show a place in the output; new lines do not move it away. */
  reveal(range: Range): void {
    this._setFollows(false);
    const [place, box] = [range.getBoundingClientRect(), this._scroller.getBoundingClientRect()];
    if (place.top < box.top || place.bottom > box.bottom) {
      this._scroller.scrollTop += place.top - box.top - box.height / 2;
    }
    if (place.left < box.left || place.right > box.right) {
      this._scroller.scrollLeft += place.left - box.left - box.width / 2;
    }
  }

  /** New output was drawn. */
  readonly drawn = new Signal<this, void>(this);

  /** The process or its choices, or whether it follows. */
  readonly changed = new Signal<this, void>(this);

  override dispose(): void {
    if (!this.isDisposed) {
      this._reader.stop();
      Signal.clearData(this);
      super.dispose();
    }
  }

  protected override onAfterShow(message: Message): void {
    super.onAfterShow(message);
    this._connect();
    if (this._follows) {
      this.toEnd();
    }
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    if (this.isVisible) {
      this._connect();
    }
  }

  protected override onBeforeHide(message: Message): void {
    this._reader.stop();
    super.onBeforeHide(message);
  }

  protected override onActivateRequest(): void {
    this._scroller.focus({ preventScroll: true });
  }

  private get _current(): IExecutionView | undefined {
    return this._model.state.executions.get(this._execution.id) ?? this._past;
  }

  private get _view(): IProcessView | undefined {
    return this.processes.find(process => process.id === this._process);
  }

  private _reset(): void {
    this._reader.reset();
    this._buffer = new LogBuffer(LINES);
    this._drawn = 0;
    this._done = false;
    this._cut = false;
    this._lines.replaceChildren();
    this._setFollows(true);
    this._label();
  }

  private _label(): void {
    this.title.label = `${this._execution.name}: ${this._process}`;
    this.title.caption = this._trans.__('Output of %1 of %2', this._process, this._execution.name);
    this._scroller.setAttribute('aria-label', this.title.caption);
  }

  /** Read on, unless there is nothing more to come. */
  private _connect(): void {
    if (this._done || this.isDisposed || !this.isVisible) {
      return;
    }
    this._version = this._version_();
    this._reader.start();
  }

  private _live(): boolean {
    const view = this._view;
    return view !== undefined && view.state !== 'ended' && this._current?.phase !== 'ended';
  }

  /**
   * The server has sent everything: the process has ended, or will be started again, or only the connection has ended.
   */
  private _over(): boolean {
    if (!this._current) {
      // So long ago that the panel does not list it any more.
      this._model.execution(this._execution.id).then(
        execution => {
          this._past = execution;
          this.changed.emit();
          this._over();
        },
        (error: unknown) => this._refused(error)
      );
      return false;
    }
    const view = this._view;
    this._done = this._current.phase === 'ended';
    if (view?.state === 'ended') {
      const exit = view.exit_code === null ? '' : exitWords(view.exit_code, this._trans);
      this._say(this._trans.__('The process has ended: %1', exit || view.reason));
    } else {
      this._say(this._done ? this._trans.__('The execution has ended.') : this._trans.__('Waiting for more output'));
    }
    if (this._buffer.end === 0 && this._done) {
      this._say(this._trans.__('The process has ended without any output.'));
    }
    return this._live();
  }

  private _refused(error: unknown): boolean {
    const problem = ZoeProblem.from(error);
    if (problem.code === 'no-log' && this._current?.phase !== 'ended') {
      this._say(this._trans.__('No output yet. It appears here as soon as the process has started.'));
      return false; // its start is an event
    }
    this._say(problem.words, true);
    return this._live();
  }

  /** Look again when the process's state or the connection has changed; no polling. */
  private _onModel(): void {
    const version = this._version_();
    if (version !== this._version) {
      this.changed.emit();
      this._connect();
    }
  }

  private _version_(): string {
    const view = this._view;
    return [view?.state, view?.starts, this._current?.phase, this._model.state.link, this.processes.length].join(' ');
  }

  private _say(text: string, problem = false): void {
    const cut = this._cut ? `${this._trans.__('Only the end is shown; download for the whole.')} ` : '';
    this._status.textContent = cut + text;
    this._status.classList.toggle('jp-zoe-mod-problem', problem);
  }

  /** Draw once a frame, whatever comes. */
  private _draw(): void {
    this._frame ??= requestAnimationFrame(() => {
      this._frame = null;
      if (this.isDisposed) {
        return;
      }
      const { first, end } = this._buffer;
      const pre = this._lines;
      // The line that was last may have grown.
      if (pre.lastElementChild && this._drawn > first) {
        pre.lastElementChild.remove();
        this._drawn -= 1;
      }
      if (this._drawn < first) {
        this._cut = true;
        this._drawn = first;
      }
      const fragment = document.createDocumentFragment();
      for (let number = this._drawn; number < end; number++) {
        const row = document.createElement('div');
        for (const { text, classes } of this._buffer.line(number)) {
          if (classes) {
            const span = document.createElement('span');
            span.className = classes;
            span.textContent = text;
            row.append(span);
          } else {
            row.append(text);
          }
        }
        row.append('\n'); // so that copied text has its lines
        fragment.append(row);
      }
      pre.append(fragment);
      this._drawn = end;
      const before = this._scroller.scrollHeight;
      while (pre.childElementCount > end - first) {
        pre.firstElementChild?.remove();
      }
      if (this._follows) {
        this._scroller.scrollTop = this._scroller.scrollHeight;
      } else {
        this._scroller.scrollTop -= before - this._scroller.scrollHeight;
      }
      this.drawn.emit();
    });
  }

  private _atEnd(): boolean {
    const { scrollTop, scrollHeight, clientHeight } = this._scroller;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  private _setFollows(follows: boolean): void {
    if (follows !== this._follows) {
      this._follows = follows;
      this.changed.emit();
    }
  }

  private readonly _reader = new LogReader({
    tail: TAIL,
    open: async (offset, signal) => {
      this._say(this._trans.__('Reading…'));
      const response = await this._model.logs(this._execution.id, this._process, offset, signal);
      return { offset: Number(response.headers.get('Zoe-Log-Offset') ?? '0'), body: response.body };
    },
    onOpen: gap => {
      this._cut ||= gap;
      this._say(this._live() ? this._trans.__('Following') : this._trans.__('Reading…'));
    },
    onText: text => {
      this._buffer.feed(text);
      this._draw();
    },
    onEnd: () => this._over(),
    onError: error => this._refused(error)
  });
  private readonly _model: IZoeModel;
  private readonly _execution: ILogOptions['execution'];
  private readonly _trans: TranslationBundle;
  private readonly _scroller: HTMLElement;
  private readonly _lines: HTMLElement;
  private readonly _status: HTMLElement;
  private _process: string;
  private _buffer = new LogBuffer(LINES);
  private _drawn = 0; // lines are in the page up to here
  private _cut = false; // the beginning is missing
  private _done = false;
  private _past: IExecutionView | undefined; // the execution, if it is not among those that the panel lists
  private _follows = true;
  private _version = '';
  private _frame: number | null = null;
}

/** The viewer as a tab, with its toolbar. */
export function logTab(viewer: LogViewer, trans: TranslationBundle): MainAreaWidget<LogViewer> {
  const tab = new MainAreaWidget({ content: viewer });
  tab.title.icon = zoeIcon;
  tab.title.closable = true;
  const choice = ReactWidget.create(
    <UseSignal signal={viewer.changed}>
      {() => (
        <HTMLSelect
          className="jp-zoe-Logs-choice"
          aria-label={trans.__('Process')}
          value={viewer.process}
          onChange={event => {
            viewer.process = event.target.value;
          }}
        >
          {viewer.processes.length === 0 && <option value={viewer.process}>{viewer.process}</option>}
          {viewer.processes.map(process => (
            <option key={process.id} value={process.id}>
              {process.state === 'ended' ? trans.__('%1 (ended)', process.id) : process.id}
            </option>
          ))}
        </HTMLSelect>
      )}
    </UseSignal>
  );
  tab.toolbar.addItem('process', choice);
  tab.toolbar.addItem('spacer', Toolbar.createSpacerItem());
  tab.toolbar.addItem(
    'wrap',
    new ToolbarButton({ icon: wrapIcon, tooltip: trans.__('Break long lines'), onClick: () => viewer.toggleWrap() })
  );
  tab.toolbar.addItem(
    'end',
    new ToolbarButton({
      icon: bottomIcon,
      tooltip: trans.__('Go to the end and follow'),
      onClick: () => viewer.toEnd()
    })
  );
  tab.toolbar.addItem(
    'download',
    new ToolbarButton({
      icon: downloadIcon,
      tooltip: trans.__('Download the whole output'),
      onClick: () => viewer.download()
    })
  );
  return tab;
}
