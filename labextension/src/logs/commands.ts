/** The command that shows a log in a tab. */

import type { ICommandPalette } from '@jupyterlab/apputils';
import { listIcon } from '@jupyterlab/ui-components';
import { ZoeProblem } from '../api/problem';
import type { IExecutionView } from '../api/types';
import type { IExecutions } from '../executions/tokens';
import { enabledBy, guarded, pickExecution, text } from '../kit/commands';
import { runningFirst } from '../kit/executions';
import type { IConnection } from '../kit/tokens';
import type { IKit } from '../kit/widgets/context';
import { LogCommands } from './tokens';

/** What a log is of; the name is the execution's. */
type Subject = Pick<IExecutionView, 'id' | 'name'>;

/** Shows logs. */
export interface ILogTabs {
  /** Bring the tab of an execution to the front, with this process if one is named; whether there is such a tab. */
  activate(execution: string, process: string | null): boolean;
  open(execution: Subject, process: string): Promise<void>;
}

/** Adds it, also to the palette. */
export function addCommands(
  { commands, trans }: IKit,
  connection: IConnection,
  executions: IExecutions,
  tabs: ILogTabs,
  palette: ICommandPalette | null
): void {
  commands.addCommand(LogCommands.show, {
    label: args => (text(args, 'execution') ? trans.__('Show Logs') : trans.__('Show Logs…')),
    icon: listIcon.bindprops({ stylesheet: 'menuItem' }),
    isEnabled: () => executions.state.size > 0 || !connection.state.loaded,
    execute: args =>
      guarded(connection, async () => {
        const [id, name, process] = [text(args, 'execution'), text(args, 'name'), text(args, 'process')];
        if (id && name && process) {
          // A tab that comes back: nothing is asked of a hub that may still be starting.
          await tabs.open({ id, name }, process);
          return;
        }
        const execution = id
          ? await executions.find(id)
          : await pickExecution(runningFirst(executions.state), null, trans.__('Show the logs of'), trans);
        if (!execution || tabs.activate(execution.id, process)) {
          return;
        }
        const chosen = process ?? execution.processes[0]?.id;
        if (!chosen) {
          throw new ZoeProblem({
            code: 'no-log',
            detail: trans.__('%1 has no process yet, so no output.', execution.name),
            remedy: trans.__('Wait until it has started.')
          });
        }
        await tabs.open(execution, chosen);
      })
  });
  palette?.addItem({ command: LogCommands.show, category: trans.__('Zoe') });
  enabledBy(commands, Object.values(LogCommands), executions.changed, connection.changed);
}
