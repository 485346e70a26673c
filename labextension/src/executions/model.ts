/** The executions of the hub: read, kept fresh by events, changed on request. Made by the capability's plugin. */

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import { ZoeProblem } from '../api/problem';
import type { IEventView, IExecutionPage, IExecutionView } from '../api/types';
import type { Executions } from '../kit/executions';
import { Store } from '../kit/model/store';
import type { IConnection, IFeed } from '../kit/tokens';
import type { ExecutionsAction } from './state';
import { ENDED_KEPT, endedSince, reduceExecutions } from './state';
import type { IExecutions } from './tokens';

/** More active executions than this are not shown. */
const ACTIVE_SHOWN = 2000;

/** See `IExecutions`. */
export class ExecutionsModel implements IExecutions, IFeed {
  constructor(private readonly _connection: IConnection) {
    _connection.follow(this);
  }

  get state(): Executions {
    return this._store.state;
  }

  get changed(): ISignal<unknown, Executions> {
    return this._store.changed;
  }

  get ended(): ISignal<IExecutions, IExecutionView> {
    return this._ended;
  }

  async find(id: string): Promise<IExecutionView> {
    return this.state.get(id) ?? this._connection.client.call('get_execution', { path: { execution: id } });
  }

  learn(...items: readonly IExecutionView[]): void {
    this._dispatch({ type: 'some', items });
  }

  async scale(execution: string, group: string, count: number): Promise<void> {
    const { client } = this._connection;
    this.learn(await client.call('scale_execution', { path: { execution }, input: { group, count } }));
  }

  async terminate(execution: string, confirm?: string): Promise<void> {
    const input = { reason: 'stopped in JupyterLab', ...(confirm ? { confirm } : {}) };
    this.learn(await this._connection.client.call('terminate_execution', { path: { execution }, input }));
  }

  async load(signal: AbortSignal): Promise<() => void> {
    const [active, ended] = await Promise.all([
      this._active(signal),
      this._connection.client.call('list_executions', { query: { active: false, limit: ENDED_KEPT }, signal })
    ]);
    return () => this._dispatch({ type: 'all', items: [...active, ...ended.items] });
  }

  *outdated(event: IEventView): Iterable<string> {
    if (event.execution) {
      yield event.execution;
    }
    if (event.kind === 'queue.moved') {
      for (const execution of this.state.values()) {
        if (execution.phase === 'queued') {
          yield execution.id;
        }
      }
    }
  }

  async refresh(execution: string): Promise<void> {
    try {
      this.learn(await this._connection.client.call('get_execution', { path: { execution } }));
    } catch (error) {
      if (!['unknown-execution', 'not-allowed'].includes(ZoeProblem.from(error).code)) {
        throw error;
      }
      this._dispatch({ type: 'gone', execution });
    }
  }

  private async _active(signal: AbortSignal): Promise<IExecutionView[]> {
    const found: IExecutionView[] = [];
    let cursor: string | null = null;
    do {
      const page: IExecutionPage = await this._connection.client.call('list_executions', {
        query: { active: true, limit: 500, cursor },
        signal
      });
      found.push(...page.items);
      cursor = page.next;
    } while (cursor !== null && found.length < ACTIVE_SHOWN);
    return found;
  }

  private _dispatch(action: ExecutionsAction): void {
    const before = this.state;
    this._store.dispatch(action);
    endedSince(before, this.state).forEach(execution => this._ended.emit(execution));
  }

  private readonly _store = new Store<Executions, ExecutionsAction>(new Map(), reduceExecutions);
  private readonly _ended = new Signal<IExecutions, IExecutionView>(this);
}
