/** The shop: read, kept fresh by events, and started from. Made by the capability's plugin. */

import { UUID } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { IEventView, IExecutionView } from '../api/types';
import type { IExecutions } from '../executions/tokens';
import { Store } from '../kit/model/store';
import type { IConnection, IFeed } from '../kit/tokens';
import type { ICatalog, ICatalogState } from './tokens';

/** See `ICatalog`. */
export class CatalogModel implements ICatalog, IFeed {
  constructor(
    private readonly _connection: IConnection,
    private readonly _executions: IExecutions
  ) {
    _connection.follow(this);
  }

  get state(): ICatalogState {
    return this._store.state;
  }

  get changed(): ISignal<unknown, ICatalogState> {
    return this._store.changed;
  }

  async start(
    zapp: string,
    parameters: Record<string, unknown>,
    name: string | null,
    key: string = UUID.uuid4()
  ): Promise<IExecutionView> {
    const { client } = this._connection;
    const input = { zapp, parameters, name, web_prefix: client.webPrefix };
    const execution = await client.call('start_execution', { input, key });
    this._executions.learn(execution);
    return execution;
  }

  async load(signal?: AbortSignal): Promise<() => void> {
    const { client } = this._connection;
    const options = signal ? { signal } : {};
    const [{ items: zapps, problems }, { items: frameworks }] = await Promise.all([
      client.call('list_zapps', options),
      client.call('list_frameworks', options)
    ]);
    return () => this._store.dispatch({ zapps, frameworks, definitions: problems });
  }

  *outdated(event: IEventView): Iterable<string> {
    if (event.kind.startsWith('catalog')) {
      yield 'catalog';
    }
  }

  async refresh(): Promise<void> {
    (await this.load())();
  }

  private readonly _store = new Store<ICatalogState, ICatalogState>(
    { zapps: [], frameworks: [], definitions: [] },
    (_, read) => read
  );
}
