/**
 * The model of the extension: owns the network, the state and its signals. Widgets show it, plugins wire it.
 */

import { UUID } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import type { ZoeClient } from '../api/client';
import { ZoeProblem } from '../api/problem';
import type { IEventView, IExecutionView } from '../api/types';
import { EventFollower } from './follower';
import { RefreshQueue } from './refresh';
import type { Action, IZoeState } from './state';
import { EMPTY, ENDED_KEPT, isEnded, reduce } from './state';

/** How long the page may be hidden before its event connection is closed, in milliseconds. */
const HIDDEN_FOR = 30_000;

/** What others see of the model. */
export interface IZoeModel extends IDisposable {
  /** The present state. */
  readonly state: IZoeState;
  /** The state was replaced. */
  readonly changed: ISignal<IZoeModel, IZoeState>;
  /** Something that was asked for failed. */
  readonly failed: ISignal<IZoeModel, ZoeProblem>;
  /** An execution ended while this page looked on. */
  readonly ended: ISignal<IZoeModel, IExecutionView>;
  /** Path under which this Jupyter server shows the proxy, without a slash at the end. */
  readonly webPrefix: string;

  /** Start a ZApp. Rejects with a `ZoeProblem`. `key` makes a repeated request the same one. */
  start(zapp: string, parameters: Record<string, unknown>, name?: string | null, key?: string): Promise<IExecutionView>;
  /** Change how many processes a group has. Rejects with a `ZoeProblem`. */
  scale(execution: string, group: string, count: number): Promise<IExecutionView>;
  /** End an execution; a protected one wants its name as `confirm`. Rejects with a `ZoeProblem`. */
  terminate(execution: string, confirm?: string): Promise<IExecutionView>;
  /** Undo an attachment; `keep` leaves the execution running. Rejects with a `ZoeProblem`. */
  detach(attachment: string, keep: boolean): Promise<void>;
  /** An execution, read if it is not known. Rejects with a `ZoeProblem`. */
  execution(id: string): Promise<IExecutionView>;
  /** The output of a process as a stream. Rejects with a `ZoeProblem`. */
  logs(execution: string, process: string, offset: number, signal: AbortSignal): Promise<Response>;
  /** Address of the whole output of a process. */
  logUrl(execution: string, process: string): string;
  /** Read the attachments again. */
  refreshAttachments(): Promise<void>;
  /** Read everything again, at once. */
  refresh(): void;
  /** Tell the user about a problem. */
  report(error: unknown): void;
}

/** See `IZoeModel`. */
export class ZoeModel implements IZoeModel {
  constructor(client: ZoeClient) {
    this._client = client;
    this._queue = new RefreshQueue({ fetch: id => this._fetch(id) });
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
      onLive: () => this._dispatch({ type: 'link', link: 'live' }),
      onAway: error => this._dispatch({ type: 'link', link: 'away', problem: ZoeProblem.from(error) })
    });
    document.addEventListener('visibilitychange', this._onVisibility);
  }

  get state(): IZoeState {
    return this._state;
  }

  get changed(): ISignal<IZoeModel, IZoeState> {
    return this._changed;
  }

  get failed(): ISignal<IZoeModel, ZoeProblem> {
    return this._failed;
  }

  get ended(): ISignal<IZoeModel, IExecutionView> {
    return this._ended;
  }

  get webPrefix(): string {
    return this._client.webPrefix;
  }

  get isDisposed(): boolean {
    return this._disposed;
  }

  /** Connect; called once by the plugin that makes the model. */
  open(): void {
    this._follower.resume();
  }

  dispose(): void {
    if (this._disposed) {
      return;
    }
    this._disposed = true;
    document.removeEventListener('visibilitychange', this._onVisibility);
    clearTimeout(this._hiding);
    this._follower.pause();
    this._queue.clear();
    Signal.clearData(this);
  }

  async start(
    zapp: string,
    parameters: Record<string, unknown>,
    name: string | null = null,
    key: string = UUID.uuid4()
  ): Promise<IExecutionView> {
    const input = { zapp, parameters, name, web_prefix: this.webPrefix };
    return this._keep(await this._client.call('start_execution', { input, key }));
  }

  async scale(execution: string, group: string, count: number): Promise<IExecutionView> {
    return this._keep(await this._client.call('scale_execution', { path: { execution }, input: { group, count } }));
  }

  async terminate(execution: string, confirm?: string): Promise<IExecutionView> {
    const input = { reason: 'stopped in JupyterLab', ...(confirm ? { confirm } : {}) };
    return this._keep(await this._client.call('terminate_execution', { path: { execution }, input }));
  }

  async detach(attachment: string, keep: boolean): Promise<void> {
    this._keep(await this._client.call('detach', { path: { attachment }, query: { keep } }));
    await this.refreshAttachments();
  }

  async execution(id: string): Promise<IExecutionView> {
    return this._state.executions.get(id) ?? this._client.call('get_execution', { path: { execution: id } });
  }

  logs(execution: string, process: string, offset: number, signal: AbortSignal): Promise<Response> {
    return this._client.open('get_logs', { path: { execution, process }, query: { offset, follow: true }, signal });
  }

  logUrl(execution: string, process: string): string {
    return this._client.url('get_logs', { path: { execution, process } });
  }

  async refreshAttachments(): Promise<void> {
    const { items } = await this._client.call('list_attachments');
    this._dispatch({ type: 'attachments', items });
  }

  refresh(): void {
    this._dispatch({ type: 'link', link: 'connecting' });
    this._follower.restart(true);
  }

  report(error: unknown): void {
    this._failed.emit(ZoeProblem.from(error));
  }

  /**
   * What was there before the events that follow: everything the first time, afterwards only if history was replaced.
   */
  private async _load(seen: number | null, signal: AbortSignal): Promise<number> {
    if (!this._state.loaded) {
      void this._explain(signal);
    }
    const health = await this._health(signal);
    if (seen !== null && seen <= health) {
      return seen;
    }
    const [status, zapps, active, ended, attachments] = await Promise.all([
      this._client.status(signal),
      this._client.call('list_zapps', { signal }),
      this._active(signal),
      this._client.call('list_executions', { query: { active: false, limit: ENDED_KEPT }, signal }),
      this._client.call('list_attachments', { signal })
    ]);
    if (!signal.aborted) {
      this._dispatch({ type: 'root', root: status.root });
      this._dispatch({ type: 'catalog', zapps: zapps.items, definitions: zapps.problems });
      this._dispatch({ type: 'executions', items: [...active, ...ended.items] });
      this._dispatch({ type: 'attachments', items: attachments.items });
    }
    return health;
  }

  /** Say what the first answer waits for: the server extension may be starting the hub. */
  private async _explain(signal: AbortSignal): Promise<void> {
    const status = await this._client.status(signal).catch(() => null);
    if (status?.hub === 'starting' && !signal.aborted && !this._state.loaded && this._state.link === 'connecting') {
      this._dispatch({ type: 'link', link: 'connecting', note: status.reason });
    }
  }

  private async _health(signal: AbortSignal): Promise<number> {
    try {
      return (await this._client.call('get_health', { signal })).last_event;
    } catch (error) {
      if (error instanceof ZoeProblem && error.status === 404 && error.code === 'no-problem') {
        throw new ZoeProblem({
          status: 404,
          code: 'extension-missing',
          detail: 'The Jupyter server does not know Zoe.',
          remedy: "Run 'jupyter server extension enable jupyter_zoe' and start JupyterLab again."
        });
      }
      throw error;
    }
  }

  private async _active(signal: AbortSignal): Promise<IExecutionView[]> {
    const found: IExecutionView[] = [];
    let cursor: string | null = null;
    do {
      const page: { items: IExecutionView[]; next: string | null } = await this._client.call('list_executions', {
        query: { active: true, limit: 500, cursor },
        signal
      });
      found.push(...page.items);
      cursor = page.next;
    } while (cursor !== null && found.length < 2000);
    return found;
  }

  private _onEvent(event: IEventView): void {
    if (event.execution) {
      this._queue.add(event.execution);
    }
    if (event.kind === 'queue.moved') {
      for (const execution of this._state.executions.values()) {
        if (execution.phase === 'queued') {
          this._queue.add(execution.id);
        }
      }
    } else if (event.kind.startsWith('attachment')) {
      this._queue.add(ATTACHMENTS);
    } else if (event.kind.startsWith('catalog')) {
      this._queue.add(CATALOG);
    }
  }

  private async _fetch(id: string): Promise<void> {
    try {
      if (id === ATTACHMENTS) {
        await this.refreshAttachments();
      } else if (id === CATALOG) {
        const { items, problems } = await this._client.call('list_zapps');
        this._dispatch({ type: 'catalog', zapps: items, definitions: problems });
      } else {
        this._keep(await this._client.call('get_execution', { path: { execution: id } }));
      }
    } catch (error) {
      const { code } = ZoeProblem.from(error);
      if (code === 'unknown-execution' || code === 'not-allowed') {
        this._dispatch({ type: 'gone', execution: id });
      } else if (!this._disposed) {
        // The event is spent, so its news would be lost: read everything again when the hub answers.
        this._follower.restart(true);
      }
    }
  }

  private _keep(execution: IExecutionView): IExecutionView {
    this._dispatch({ type: 'execution', execution });
    return execution;
  }

  private _dispatch(action: Action): void {
    if (this._disposed) {
      return;
    }
    const before = this._state;
    this._state = reduce(before, action);
    if (this._state === before) {
      return;
    }
    this._changed.emit(this._state);
    if (before.loaded && before.executions !== this._state.executions) {
      for (const execution of this._state.executions.values()) {
        const known = before.executions.get(execution.id);
        if (isEnded(execution) && known && !isEnded(known)) {
          this._ended.emit(execution);
        }
      }
    }
  }

  private readonly _onVisibility = (): void => {
    clearTimeout(this._hiding);
    if (document.hidden) {
      this._hiding = setTimeout(() => {
        this._follower.pause();
        this._dispatch({ type: 'link', link: 'paused' });
      }, HIDDEN_FOR);
    } else {
      this._follower.resume();
    }
  };

  private readonly _client: ZoeClient;
  private readonly _queue: RefreshQueue;
  private readonly _follower: EventFollower;
  private readonly _changed = new Signal<IZoeModel, IZoeState>(this);
  private readonly _failed = new Signal<IZoeModel, ZoeProblem>(this);
  private readonly _ended = new Signal<IZoeModel, IExecutionView>(this);
  private _state = EMPTY;
  private _disposed = false;
  private _hiding: ReturnType<typeof setTimeout> | undefined;
}

// Ids that no execution has, since theirs begin with a letter or digit.
const ATTACHMENTS = '*attachments';
const CATALOG = '*catalog';
