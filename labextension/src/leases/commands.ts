/** The command that keeps what nobody uses. */

import type { ICommandPalette } from '@jupyterlab/apputils';
import type { IExecutionView } from '../api/types';
import type { IExecutions } from '../executions/tokens';
import { enabledBy, guarded, pickExecution, text } from '../kit/commands';
import { running } from '../kit/executions';
import type { IConnection } from '../kit/tokens';
import type { IKit } from '../kit/widgets/context';
import type { Leases } from './model';
import { LeaseCommands } from './tokens';

/** Adds it, also to the palette. */
export function addCommands(
  { commands, trans }: IKit,
  connection: IConnection,
  executions: IExecutions,
  leases: Leases,
  palette: ICommandPalette | null
): void {
  const unused = (): IExecutionView[] => running(executions.state).filter(({ idle }) => idle !== null);
  commands.addCommand(LeaseCommands.keep, {
    label: args => (text(args, 'execution') ? trans.__('Keep It') : trans.__('Keep a Cluster that Nobody Uses…')),
    caption: trans.__('The time after which it is made smaller or ended begins anew'),
    isEnabled: () => unused().length > 0,
    execute: args =>
      guarded(connection, async () => {
        const title = trans.__('Keep a cluster that nobody uses');
        const execution = await pickExecution(unused(), text(args, 'execution'), title, trans);
        if (execution) {
          await leases.keep(execution.id);
        }
      })
  });
  palette?.addItem({ command: LeaseCommands.keep, category: trans.__('Zoe') });
  enabledBy(commands, Object.values(LeaseCommands), executions.changed);
}
