/** Tells the user when an execution has ended by itself. */

import { Notification } from '@jupyterlab/apputils';
import { tellTrouble } from '../kit/notices';
import type { IKit } from '../kit/widgets/context';
import { reasonWords } from '../kit/words/reasons';
import { exitWords } from '../kit/words/words';
import { LogCommands } from '../logs/tokens';
import type { IExecutions } from './tokens';

/** From now on. What was stopped on request needs no word. */
export function noticeEnds({ commands, trans }: IKit, executions: IExecutions): void {
  executions.ended.connect((_, execution) => {
    const { id, name, outcome } = execution;
    const logs = {
      label: trans.__('Logs'),
      callback: () => void commands.execute(LogCommands.show, { execution: id })
    };
    const actions = commands.hasCommand(LogCommands.show) ? [logs] : [];
    if (outcome === 'completed') {
      Notification.success(trans.__('%1 has completed.', name), { actions, autoClose: 5000 });
    } else if (outcome !== 'cancelled') {
      const exit = execution.exit_code === null ? '' : ` (${exitWords(execution.exit_code, trans)})`;
      const reason = reasonWords(execution.reason, trans);
      const words =
        outcome === 'lost'
          ? trans.__('%1 was lost%2: %3', name, exit, reason)
          : trans.__('%1 has failed%2: %3', name, exit, reason);
      tellTrouble(trans, words, '', actions);
    }
  });
}
