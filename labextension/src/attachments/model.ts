/** The attachments of this user: read, kept fresh by events. Made by the capability's plugin. */

import type { ISignal } from '@lumino/signaling';
import type { IEventView } from '../api/types';
import type { IExecutions } from '../executions/tokens';
import { Store } from '../kit/model/store';
import type { IConnection, IFeed } from '../kit/tokens';
import type { AttachmentsAction } from './state';
import { attachmentOf, NONE, reduceAttachments } from './state';
import type { IAttachmentRow, IAttachments, IAttachmentsState, INotebookKey } from './tokens';

/** See `IAttachments`. */
export class AttachmentsModel implements IAttachments, IFeed {
  constructor(
    private readonly _connection: IConnection,
    private readonly _executions: IExecutions
  ) {
    _connection.follow(this);
  }

  get state(): IAttachmentsState {
    return this._store.state;
  }

  get changed(): ISignal<unknown, IAttachmentsState> {
    return this._store.changed;
  }

  of(notebook: INotebookKey): IAttachmentRow | null {
    return attachmentOf(this.state, this._executions.state, notebook);
  }

  async detach(attachment: string, keep: boolean): Promise<void> {
    const { client } = this._connection;
    this._executions.learn(await client.call('detach', { path: { attachment }, query: { keep } }));
    await this.refresh();
  }

  async refresh(): Promise<void> {
    (await this._read())();
  }

  async load(signal: AbortSignal): Promise<() => void> {
    const [{ root }, put] = await Promise.all([this._connection.client.status(signal), this._read(signal)]);
    return () => {
      this._store.dispatch({ type: 'root', root });
      put();
    };
  }

  *outdated(event: IEventView): Iterable<string> {
    if (event.kind.startsWith('attachment')) {
      yield 'attachments';
    }
  }

  private async _read(signal?: AbortSignal): Promise<() => void> {
    const { items } = await this._connection.client.call('list_attachments', signal ? { signal } : {});
    return () => {
      // Executions first: an attachment names one that is known.
      this._executions.learn(...items.map(item => item.execution));
      this._store.dispatch({ type: 'all', items });
    };
  }

  private readonly _store = new Store<IAttachmentsState, AttachmentsAction>(NONE, reduceAttachments);
}
