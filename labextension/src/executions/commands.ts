/** Commands that change executions. */

import type { ICommandPalette } from '@jupyterlab/apputils';
import { InputDialog } from '@jupyterlab/apputils';
import { stopIcon } from '@jupyterlab/ui-components';
import type { IExecutionView } from '../api/types';
import { enabledBy, guarded, pick, pickExecution, text } from '../kit/commands';
import { running, scalable } from '../kit/executions';
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
  const growing = (): IExecutionView[] => running(executions.state).filter(execution => scalable(execution).length > 0);
  commands.addCommand(ExecutionCommands.scale, {
    label: args => (text(args, 'execution') ? trans.__('Scale…') : trans.__('Scale a Cluster…')),
    isEnabled: () => growing().length > 0,
    execute: args =>
      guarded(connection, async () => {
        const title = trans.__('Scale');
        const execution = await pickExecution(growing(), text(args, 'execution'), title, trans);
        const group = execution && (await pick(scalable(execution), ({ name }) => name, title, trans));
        if (!execution || !group) {
          return;
        }
        const answer = await InputDialog.getNumber({
          title: trans.__('Scale %1', execution.name),
          label: trans.__('%1: %2 to %3', group.name, group.essential, group.maximum),
          value: group.count
        });
        if (answer.button.accept && answer.value !== null) {
          await executions.scale(execution.id, group.name, answer.value);
        }
      })
  });
  commands.addCommand(ExecutionCommands.stop, {
    label: trans.__('Stop an Execution…'),
    icon: stopIcon.bindprops({ stylesheet: 'menuItem' }),
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
  for (const command of Object.values(ExecutionCommands)) {
    palette?.addItem({ command, category: trans.__('Zoe') });
  }
  enabledBy(commands, Object.values(ExecutionCommands), executions.changed);
}
