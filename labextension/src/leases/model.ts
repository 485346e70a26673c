/** Keeps what nobody uses. Whether somebody does stands in each execution; the hub decides it. */

import type { IExecutions } from '../executions/tokens';
import type { IConnection } from '../kit/tokens';

/** Made by the capability's plugin. */
export class Leases {
  constructor(
    private readonly _connection: IConnection,
    private readonly _executions: IExecutions
  ) {}

  /** Have the clock of an execution's idleness begin anew. Rejects with a `ZoeProblem`. */
  async keep(execution: string): Promise<void> {
    const { client } = this._connection;
    this._executions.learn(await client.call('keep_execution', { path: { execution }, input: {} }));
  }
}
