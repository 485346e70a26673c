/** The menu of a notebook's cluster, below its item in the toolbar. */

import type { CommandRegistry } from '@lumino/commands';
import { Menu } from '@lumino/widgets';
import type { IExecutionView } from '../../api/types';
import { ExecutionCommands } from '../../executions/tokens';
import { scalable } from '../../kit/executions';
import { KitCommands } from '../../kit/tokens';
import { LeaseCommands } from '../../leases/tokens';
import { LogCommands } from '../../logs/tokens';
import { PageCommands } from '../../pages/tokens';
import { AttachmentCommands } from '../tokens';
import { SECTION } from './section';

/**
 * Opens it; the keyboard's focus comes back to the button. Commands of capabilities that are switched off are left out.
 */
export function clusterMenu(commands: CommandRegistry, execution: IExecutionView, button: HTMLElement): void {
  button.focus(); // also where a click does not: the commands below mean the active notebook
  const menu = new Menu({ commands });
  const add = (command: string, args: Record<string, string> = {}): void => {
    if (commands.hasCommand(command)) {
      menu.addItem({ command, args });
    }
  };
  if (scalable(execution).length > 0) {
    add(ExecutionCommands.scale, { execution: execution.id });
  }
  add(LogCommands.show, { execution: execution.id });
  for (const { process, port, title, show, ready } of execution.endpoints) {
    if (show && ready) {
      add(PageCommands.open, { execution: execution.id, process, port, title: title || port });
    }
  }
  if (execution.idle) {
    add(LeaseCommands.keep, { execution: execution.id });
  }
  menu.addItem({ type: 'separator' });
  add(AttachmentCommands.reconnect);
  add(AttachmentCommands.detach);
  menu.addItem({ type: 'separator' });
  add(KitCommands.show, { section: SECTION });
  menu.aboutToClose.connect(() => button.focus());
  const { left, bottom } = button.getBoundingClientRect();
  menu.open(left, bottom, { forceX: false, forceY: false });
}
