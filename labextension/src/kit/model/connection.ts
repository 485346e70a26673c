/**
 * The connection to the hub: reads what capabilities show, follows the hub's events, and has read again what they make
 * old. Made by the kit's plugin; capabilities give it their feeds.
 */

import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { ZoeClient } from '../../api/client';
import { ZoeProblem } from '../../api/problem';
import type { IEventView } from '../../api/types';
import type { IConnection, IFeed } from '../tokens';
import { EventFollower } from './follower';
import type { ILinkState, LinkAction } from './link';
import { CONNECTING, reduceLink } from './link';
import { RefreshQueue } from './refresh';
import { Store } from './store';

/** How long the page may be hidden before its event connection is closed, in milliseconds. */
const HIDDEN_FOR = 30_000;

/** See `IConnection`. */
export class Connection implements IConnection, IDisposable {
  constructor(readonly client: ZoeClient) {
    this._follower = new EventFollower({
      load: (seen, signal) => this._load(seen, signal),
      connect: async (since, signal) => {
        const response = await client.open('stream_events', { query: { since }, signal });
        if (!response.body) {
          throw new Error('The event stream has no body.');
        }
        return response.body;
      },
      onEvent: event => this._onEvent(event),
      onLive: () => this._link.dispatch({ type: 'link', link: 'live' }),
      onAway: error => this._link.dispatch({ type: 'link', link: 'away', problem: ZoeProblem.from(error) })
    });
    document.addEventListener('visibilitychange', this._onVisibility);
  }

  get state(): ILinkState {
    return this._link.state;
  }

  get changed(): ISignal<unknown, ILinkState> {
    return this._link.changed;
  }

  get failed(): ISignal<IConnection, ZoeProblem> {
    return this._failed;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Connect; called once, when the feeds of all capabilities are there. */
  open(): void {
    this._opened = true;
    this._follower.resume();
  }

  follow(feed: IFeed): void {
    this._feeds.set(feed, new RefreshQueue({ fetch: name => this._refresh(feed, name) }));
    if (this._opened) {
      this._follower.restart(true); // a plugin that came late
    }
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    document.removeEventListener('visibilitychange', this._onVisibility);
    clearTimeout(this._hiding);
    this._follower.pause();
    this._feeds.forEach(queue => queue.clear());
    Signal.clearData(this._link);
    Signal.clearData(this);
  }

  refresh(): void {
    this._link.dispatch({ type: 'link', link: 'connecting' });
    this._follower.restart(true);
  }

  report(error: unknown): void {
    this._failed.emit(ZoeProblem.from(error));
  }

  /**
   * What was there before the events that follow: everything the first time, afterwards only if history was replaced.
   */
  private async _load(seen: number | null, signal: AbortSignal): Promise<number> {
    if (!this.state.loaded) {
      void this._explain(signal);
    }
    const { last_event } = await this._health(signal);
    if (seen !== null && seen <= last_event) {
      return seen;
    }
    const read = await Promise.all([...this._feeds.keys()].map(feed => feed.load(signal)));
    if (!signal.aborted) {
      read.forEach(put => put());
      this._link.dispatch({ type: 'loaded' });
    }
    return last_event;
  }

  /** Say what the first answer waits for: the server extension may be starting the hub. */
  private async _explain(signal: AbortSignal): Promise<void> {
    const status = await this.client.status(signal).catch(() => null);
    if (status?.hub === 'starting' && !signal.aborted && !this.state.loaded && this.state.link === 'connecting') {
      this._link.dispatch({ type: 'link', link: 'connecting', note: status.reason });
    }
  }

  private async _health(signal: AbortSignal): Promise<{ last_event: number }> {
    try {
      return await this.client.call('get_health', { signal });
    } catch (error) {
      if (error instanceof ZoeProblem && error.status === 404 && error.code === 'no-problem') {
        throw new ZoeProblem({ status: 404, code: 'extension-missing' });
      }
      throw error;
    }
  }

  private _onEvent(event: IEventView): void {
    for (const [feed, queue] of this._feeds) {
      for (const name of feed.outdated(event)) {
        queue.add(name);
      }
    }
  }

  private async _refresh(feed: IFeed, name: string): Promise<void> {
    try {
      await feed.refresh(name);
    } catch {
      if (!this._disposed) {
        // The event is spent, so its news would be lost: read everything again when the hub answers.
        this._follower.restart(true);
      }
    }
  }

  private readonly _onVisibility = (): void => {
    clearTimeout(this._hiding);
    if (document.hidden) {
      this._hiding = setTimeout(() => {
        this._follower.pause();
        this._link.dispatch({ type: 'link', link: 'paused' });
      }, HIDDEN_FOR);
    } else {
      this._follower.resume();
    }
  };

  private readonly _link = new Store<ILinkState, LinkAction>(CONNECTING, reduceLink);
  private readonly _feeds = new Map<IFeed, RefreshQueue>();
  private readonly _follower: EventFollower;
  private readonly _failed = new Signal<IConnection, ZoeProblem>(this);
  private _opened = false;
  private _disposed = false;
  private _hiding: ReturnType<typeof setTimeout> | undefined;
}
