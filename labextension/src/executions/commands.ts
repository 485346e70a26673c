/** Commands that change executions. */

import type { ICommandPalette } from '@jupyterlab/apputils';
import { stopIcon } from '@jupyterlab/ui-components';
import { enabledBy, guarded, pickExecution, text } from '../kit/commands';
import { running } from '../kit/executions';
import type { IConnection } from '../kit/tokens';
import type { IKit } from '../kit/widgets/context';
import type { IExecutions } from './tokens';
import { ExecutionCommands } from './tokens';
import { confirmStop } from './widgets/confirm';

/** Adds them, also to the palette. */
export function addCommands(
  { commands, trans }: IKit,
  connection: IConnection,
  executions: IExecutions,
  palette: ICommandPalette | null
): void {
  commands.addCommand(ExecutionCommands.stop, {
    label: trans.__('Stop an Execution…'),
    icon: stopIcon,
    isEnabled: () => running(executions.state).length > 0,
    execute: args =>
      guarded(connection, async () => {
        const execution = await pickExecution(
          running(executions.state),
          text(args, 'execution'),
          trans.__('Stop an execution'),
          trans
        );
        const confirm = execution && (await confirmStop(execution, trans));
        if (execution && confirm !== null) {
          await executions.terminate(execution.id, confirm);
        }
      })
  });
  palette?.addItem({ command: ExecutionCommands.stop, category: trans.__('Zoe') });
  enabledBy(commands, Object.values(ExecutionCommands), executions.changed);
}
