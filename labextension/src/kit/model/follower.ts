/**
 * Follows the hub's events: connects, resumes after the last one seen, backs off while nobody answers.
 *
 * No polling: one streamed response at a time, none while paused. Used by the model, tested with a made-up stream.
 */

import { EventStreamParser } from '../../api/sse';
import type { IEventView } from '../../api/types';

/** What the follower needs from its owner. */
export interface IFollowerOptions {
  /** Called before each connection; reads what is needed and returns the number of the last event that it contains. */
  load: (seen: number | null, signal: AbortSignal) => Promise<number>;
  /** Opens the stream of the events after `since`. */
  connect: (since: number, signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>;
  onEvent: (event: IEventView) => void;
  /** Connected. */
  onLive: () => void;
  /** Nobody answers, or with an error; tried again later. */
  onAway: (error: unknown) => void;
  /** Milliseconds until try number `attempt` (from 1). */
  backoff?: (attempt: number) => number;
  /** Milliseconds without a byte (the hub sends comments) after which the connection counts as dead. */
  silence?: number;
}

/** 1, 2, 4 ... 30 seconds, each a quarter more or less, so that many pages do not come back at the same moment. */
export function backoff(attempt: number, random: () => number = Math.random): number {
  return Math.min(30_000, 1000 * 2 ** Math.min(attempt - 1, 10)) * (0.75 + random() / 2);
}

/** See the module. */
export class EventFollower {
  constructor(options: IFollowerOptions) {
    this._options = options;
  }

  /** Begin, or go on after `pause`. */
  resume(): void {
    if (!this._abort) {
      this._abort = new AbortController();
      void this._run(this._abort.signal);
    }
  }

  /** Close the connection; `resume` continues after the last event seen. */
  pause(): void {
    this._abort?.abort();
    this._abort = null;
  }

  /** Connect at once, wherever it is now. `anew`: read everything again. */
  restart(anew = false): void {
    if (anew) {
      this._seen = null;
    }
    this.pause();
    this.resume();
  }

  private async _run(signal: AbortSignal): Promise<void> {
    const { load, connect, onLive, onAway } = this._options;
    let attempt = 0;
    while (!signal.aborted) {
      try {
        const since = await load(this._seen, signal);
        if (isAborted(signal)) {
          return;
        }
        this._seen = since;
        const stream = await connect(since, signal);
        onLive();
        const began = Date.now();
        await this._read(stream, signal);
        // The server closed it: fine after a while, a reason to slow down if it does so at once.
        attempt = Date.now() - began > 5000 ? 0 : attempt + 1;
        if (attempt <= 1) {
          continue;
        }
      } catch (error) {
        if (isAborted(signal)) {
          return;
        }
        attempt += 1;
        onAway(error);
      }
      await pauseFor((this._options.backoff ?? backoff)(Math.max(1, attempt)), signal);
    }
  }

  private async _read(stream: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<void> {
    const reader = stream.getReader();
    const parser = new EventStreamParser();
    const decoder = new TextDecoder();
    const cancel = (): void => void reader.cancel().catch(() => undefined);
    signal.addEventListener('abort', cancel, { once: true });
    let watch: ReturnType<typeof setTimeout> | undefined;
    try {
      while (!signal.aborted) {
        watch = setTimeout(cancel, this._options.silence ?? 90_000);
        const { done, value } = await reader.read();
        clearTimeout(watch);
        if (done || isAborted(signal)) {
          return;
        }
        for (const { event: name, data } of parser.feed(decoder.decode(value, { stream: true }))) {
          if (name === 'reset') {
            // The numbers that are known are of another history: everything has to be read again.
            this._seen = null;
            return;
          }
          const event = parse(data);
          if (event) {
            this._options.onEvent(event);
          }
        }
        if (/^\d+$/.test(parser.lastId)) {
          this._seen = Number(parser.lastId);
        }
      }
    } finally {
      clearTimeout(watch);
      signal.removeEventListener('abort', cancel);
      cancel();
    }
  }

  private readonly _options: IFollowerOptions;
  private _abort: AbortController | null = null;
  private _seen: number | null = null;
}

/** Keeps the compiler from assuming that a signal stays as it was before an `await`. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function parse(data: string): IEventView | null {
  try {
    return JSON.parse(data) as IEventView;
  } catch {
    return null;
  }
}

function pauseFor(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done, { once: true });
  });
}
