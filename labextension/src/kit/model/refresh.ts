/** Reads again what events name: each thing once for any number of events, a few at a time. Used by the model. */

/** How the queue is driven; replaced in tests. */
export interface IRefreshOptions {
  /** Reads one thing; must not reject. */
  fetch: (id: string) => Promise<void>;
  /** Milliseconds that events are collected for. */
  delay?: number;
  /** Reads at the same time. */
  parallel?: number;
}

/**
 * A coalescing queue. What is named while it is being read is read once more afterwards, since the answer may be older.
 */
export class RefreshQueue {
  constructor(options: IRefreshOptions) {
    this._fetch = options.fetch;
    this._delay = options.delay ?? 60;
    this._parallel = options.parallel ?? 4;
  }

  /** Ask for a read. */
  add(id: string): void {
    this._waiting.add(id);
    this._timer ??= setTimeout(() => {
      this._timer = null;
      this._flush();
    }, this._delay);
  }

  /** Forget what waits. */
  clear(): void {
    this._waiting.clear();
    if (this._timer !== null) {
      clearTimeout(this._timer);
      this._timer = null;
    }
  }

  private _flush(): void {
    for (const id of this._waiting) {
      if (this._running.size >= this._parallel) {
        return;
      }
      if (!this._running.has(id)) {
        this._waiting.delete(id);
        this._running.add(id);
        void this._fetch(id).finally(() => {
          this._running.delete(id);
          if (this._timer === null) {
            this._flush();
          }
        });
      }
    }
  }

  private readonly _fetch: (id: string) => Promise<void>;
  private readonly _delay: number;
  private readonly _parallel: number;
  private readonly _waiting = new Set<string>();
  private readonly _running = new Set<string>();
  private _timer: ReturnType<typeof setTimeout> | null = null;
}
