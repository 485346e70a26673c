/** The command that opens a web page of an execution in a tab. */

import type { ICommandPalette } from '@jupyterlab/apputils';
import { launchIcon } from '@jupyterlab/ui-components';
import { ZoeProblem } from '../api/problem';
import type { IExecutions } from '../executions/tokens';
import { enabledBy, guarded, pick, pickExecution, text } from '../kit/commands';
import { running } from '../kit/executions';
import type { IConnection } from '../kit/tokens';
import type { IKit } from '../kit/widgets/context';
import type { IPlace } from './place';
import { meantEndpoints, placeOf, shownEndpoints } from './place';
import { PageCommands } from './tokens';

/** Adds it, also to the palette. `show` opens a page, or brings it to the front. */
export function addCommands(
  { commands, trans }: IKit,
  connection: IConnection,
  executions: IExecutions,
  show: (place: IPlace) => Promise<void>,
  palette: ICommandPalette | null
): void {
  const offering = (): ReturnType<typeof running> =>
    running(executions.state).filter(execution => shownEndpoints(execution).length > 0);
  commands.addCommand(PageCommands.open, {
    label: args => text(args, 'title') ?? trans.__('Open a Web Page of an Execution…'),
    icon: launchIcon.bindprops({ stylesheet: 'menuItem' }),
    isEnabled: () => offering().length > 0 || !connection.state.loaded,
    execute: args =>
      guarded(connection, async () => {
        const id = text(args, 'execution');
        if (id && text(args, 'path')) {
          // A tab that comes back: nothing is asked of a hub that may still be starting.
          await show(args as unknown as IPlace);
          return;
        }
        const execution = id
          ? await executions.find(id)
          : await pickExecution(offering(), null, trans.__('Open a page of'), trans);
        if (!execution) {
          return;
        }
        const meant = meantEndpoints(execution, text(args, 'process'), text(args, 'port'));
        if (meant.length === 0) {
          throw new ZoeProblem({
            code: 'unknown-port',
            detail: trans.__('%1 has no such page any more.', execution.name),
            remedy: trans.__('Start it again, or choose another page in the panel.')
          });
        }
        const endpoint = await pick(
          meant,
          item => `${item.title || item.port} (${item.process})`,
          trans.__('Open'),
          trans
        );
        if (endpoint) {
          await show(placeOf(execution, endpoint));
        }
      })
  });
  palette?.addItem({ command: PageCommands.open, category: trans.__('Zoe') });
  enabledBy(commands, Object.values(PageCommands), executions.changed, connection.changed);
}
