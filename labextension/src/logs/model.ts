/**
 * The output of one process, as far as it was read: follows it while somebody looks, goes on at the byte where it
 * stopped, and says in words where it stands. Has no DOM; the viewer shows it.
 *
 * A connection is held only while somebody looks, since browsers allow few, and none is polled: what has changed is an
 * event.
 */

import type { TranslationBundle } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';
import { ZoeProblem } from '../api/problem';
import type { IExecutionView, IProcessView } from '../api/types';
import type { IExecutions } from '../executions/tokens';
import { isEnded } from '../kit/executions';
import type { IConnection } from '../kit/tokens';
import { problemWords } from '../kit/words/problems';
import { reasonWords } from '../kit/words/reasons';
import { exitWords } from '../kit/words/words';
import { LogBuffer } from './buffer';
import { LogReader } from './reader';

/** Bytes from the end that are read first. */
const TAIL = 512 * 1024;
/** Lines that are kept. */
const LINES = 5000;

/** What is shown. The execution need not be known yet, so that a tab comes back before the hub answers. */
export interface ILogOptions {
  readonly connection: IConnection;
  readonly executions: IExecutions;
  readonly execution: { readonly id: string; readonly name: string };
  readonly process: string;
  readonly trans: TranslationBundle;
}

/** See the module. */
export class LogModel {
  constructor(private readonly _options: ILogOptions) {
    this._process = _options.process;
    _options.executions.changed.connect(this._onChange, this);
    _options.connection.changed.connect(this._onChange, this);
  }

  /** The lines that are kept; replaced when another process is chosen. */
  get buffer(): LogBuffer {
    return this._buffer;
  }

  /** There is more in the buffer, or another buffer. */
  readonly fed = new Signal<this, void>(this);
  /** Another process was chosen, or there are others to choose from. */
  readonly changed = new Signal<this, void>(this);
  /** Where it stands is said in other words. */
  readonly said = new Signal<this, void>(this);

  get execution(): { readonly id: string; readonly name: string } {
    return this._options.execution;
  }

  get process(): string {
    return this._process;
  }

  set process(process: string) {
    if (process !== this._process) {
      this._process = process;
      this._reader.reset();
      this._buffer = new LogBuffer(LINES);
      this._complete = false;
      this._gap = false;
      this.fed.emit();
      this.changed.emit();
      this._read();
    }
  }

  /** The processes to choose from. */
  get processes(): readonly IProcessView[] {
    return this._view?.processes ?? [];
  }

  /** Where it stands, in words. */
  get words(): string {
    const { trans } = this._options;
    const cut = this._gap || this._buffer.first > 0;
    return (cut ? `${trans.__('Only the end is shown; download for the whole.')} ` : '') + this._words;
  }

  /** Whether the words tell of something that went wrong. */
  get isProblem(): boolean {
    return this._isProblem;
  }

  /** The address of the whole output, and a name for it. */
  get file(): { readonly url: string; readonly name: string } {
    const { id, name } = this.execution;
    const path = { execution: id, process: this._process };
    return { url: this._options.connection.client.url('get_logs', { path }), name: `${name}-${this._process}.log` };
  }

  /** Somebody looks: read on. */
  resume(): void {
    this._watched = true;
    this._read();
  }

  /** Nobody looks. */
  pause(): void {
    this._watched = false;
    this._reader.stop();
  }

  dispose(): void {
    this.pause();
    this._options.executions.changed.disconnect(this._onChange, this);
    this._options.connection.changed.disconnect(this._onChange, this);
    Signal.clearData(this);
  }

  private get _view(): IExecutionView | undefined {
    return this._options.executions.state.get(this.execution.id) ?? this._past;
  }

  private get _processView(): IProcessView | undefined {
    return this.processes.find(process => process.id === this._process);
  }

  /** Whether more may come by itself. */
  private get _isLive(): boolean {
    const process = this._processView;
    return process !== undefined && process.state !== 'ended' && this._view?.phase !== 'ended';
  }

  private _read(): void {
    if (this._watched && !this._complete) {
      this._seen = this._circumstances();
      this._reader.start();
    }
  }

  /** Look again when the process's state or the connection has changed. */
  private _onChange(): void {
    if (this._circumstances() !== this._seen) {
      this.changed.emit();
      this._read();
    }
  }

  private _circumstances(): string {
    const process = this._processView;
    const { link } = this._options.connection.state;
    return [process?.state, process?.starts, this._view?.phase, link, this.processes.length].join(' ');
  }

  /**
   * The server has sent everything: the process has ended, or will be started again, or only the connection has ended.
   */
  private _onEnd(): boolean {
    const { executions, trans } = this._options;
    if (!this._view) {
      // So long ago that the panel does not list it any more.
      executions.find(this.execution.id).then(
        execution => {
          this._past = execution;
          this.changed.emit();
          this._onEnd();
        },
        (error: unknown) => this._onError(error)
      );
      return false;
    }
    const process = this._processView;
    this._complete = isEnded(this._view);
    if (this._complete && this._buffer.end === 0) {
      this._say(trans.__('The process has ended without any output.'));
    } else if (process?.state === 'ended') {
      const exit = process.exit_code === null ? '' : exitWords(process.exit_code, trans);
      this._say(trans.__('The process has ended: %1', exit || reasonWords(process.reason, trans)));
    } else {
      this._say(this._complete ? trans.__('The execution has ended.') : trans.__('Waiting for more output'));
    }
    return this._isLive;
  }

  private _onError(error: unknown): boolean {
    const { trans } = this._options;
    const problem = ZoeProblem.from(error);
    if (problem.code === 'no-log' && this._view?.phase !== 'ended') {
      this._say(trans.__('No output yet. It appears here as soon as the process has started.'));
      return false; // its start is an event
    }
    const { message, remedy } = problemWords(problem, trans);
    this._say([message, remedy].filter(Boolean).join(' '), true);
    return this._isLive;
  }

  private _say(words: string, isProblem = false): void {
    this._words = words;
    this._isProblem = isProblem;
    this.said.emit();
  }

  private readonly _reader = new LogReader({
    tail: TAIL,
    open: async (offset, signal) => {
      const { connection, trans } = this._options;
      this._say(trans.__('Reading…'));
      const response = await connection.client.open('get_logs', {
        path: { execution: this.execution.id, process: this._process },
        query: { offset, follow: true },
        signal
      });
      return { offset: Number(response.headers.get('Zoe-Log-Offset') ?? '0'), body: response.body };
    },
    onOpen: gap => {
      this._gap ||= gap;
      this._say(this._isLive ? this._options.trans.__('Following') : this._options.trans.__('Reading…'));
    },
    onText: text => {
      this._buffer.feed(text);
      this.fed.emit();
    },
    onEnd: () => this._onEnd(),
    onError: error => this._onError(error)
  });
  private _process: string;
  private _buffer = new LogBuffer(LINES);
  private _watched = false;
  private _complete = false; // nothing can come any more
  private _gap = false; // the server did not have everything
  private _past: IExecutionView | undefined; // the execution, if it is not among those that the panel lists
  private _seen = ''; // under which circumstances it was read last
  private _words = '';
  private _isProblem = false;
}
