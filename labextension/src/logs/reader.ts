/**
 * Reads a growing output piece by piece, from the byte where it stopped; connects again when only the connection has
 * ended.
 *
 * One streamed response at a time, none while stopped. Used by the log viewer, tested with a made-up source.
 */

import { backoff } from '../kit/model/follower';

/** What the reader needs from its owner. */
export interface ILogReaderOptions {
  /** Open the output at a byte (negative: counted from the end); where it really begins, and its bytes. */
  open: (offset: number, signal: AbortSignal) => Promise<{ offset: number; body: ReadableStream<Uint8Array> | null }>;
  /** Connected. `gap`: what was asked for is not there any more, or was never read. */
  onOpen: (gap: boolean) => void;
  onText: (text: string) => void;
  /** The answer is complete. Returns whether more may come by itself. */
  onEnd: () => boolean;
  /** There was no whole answer. Returns whether to try again by itself. */
  onError: (error: unknown) => boolean;
  /** Bytes from the end that are read first. */
  tail: number;
  /** Milliseconds until try number `attempt` (from 1) in a row that brought nothing. */
  backoff?: (attempt: number) => number;
}

/** See the module. */
export class LogReader {
  constructor(options: ILogReaderOptions) {
    this._options = options;
  }

  /** Read on. While that is being done: read on once more afterwards, since something has changed. */
  start(): void {
    if (this._abort) {
      this._more = true;
      return;
    }
    clearTimeout(this._timer);
    this._abort = new AbortController();
    this._more = false;
    void this._run(this._abort.signal);
  }

  /** Close the connection; `start` goes on where it was. */
  stop(): void {
    clearTimeout(this._timer);
    this._abort?.abort();
    this._abort = null;
  }

  /** Stop, and begin anew with the next `start`. */
  reset(): void {
    this.stop();
    this._next = null;
    this._attempt = 0;
  }

  private async _run(signal: AbortSignal): Promise<void> {
    let again: boolean;
    try {
      await this._read(signal);
      if (signal.aborted) {
        return;
      }
      again = this._options.onEnd();
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      again = this._options.onError(error);
    }
    this._abort = null;
    if (this._more) {
      this.start();
    } else if (again) {
      this._attempt += 1;
      this._timer = setTimeout(() => this.start(), (this._options.backoff ?? backoff)(this._attempt));
    }
  }

  private async _read(signal: AbortSignal): Promise<void> {
    const { open, onOpen, onText, tail } = this._options;
    const { offset, body } = await open(this._next ?? -tail, signal);
    onOpen(this._next === null ? offset > 0 : offset !== this._next);
    this._next = offset;
    const reader = body?.getReader();
    const decoder = new TextDecoder();
    for (;;) {
      const part = await reader?.read();
      if (!part || part.done || signal.aborted) {
        return;
      }
      this._attempt = 0;
      this._next += part.value.length;
      onText(decoder.decode(part.value, { stream: true }));
    }
  }

  private readonly _options: ILogReaderOptions;
  private _abort: AbortController | null = null;
  private _more = false;
  private _next: number | null = null; // byte to read from
  private _attempt = 0;
  private _timer: ReturnType<typeof setTimeout> | undefined;
}
