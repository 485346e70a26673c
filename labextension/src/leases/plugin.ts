/** Wires leases: the countdown of what nobody uses, in the panel and the status bar, and the command that keeps it. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';
import { IAttachments, IOpenNotebooks } from '../attachments/tokens';
import { IExecutionCards, IExecutions } from '../executions/tokens';
import { IConnection } from '../kit/tokens';
import { kitOf } from '../kit/widgets/context';
import { addCommands } from './commands';
import { Leases } from './model';
import { idlePart } from './widgets/idle';
import { addStatusItem } from './widgets/statusbar';

const leasesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-zoe:leases',
  description: 'Says when a cluster that nobody uses is made smaller or ended, and keeps it on request.',
  autoStart: true,
  requires: [IConnection, IExecutions, IExecutionCards, IAttachments, IOpenNotebooks],
  optional: [ITranslator, ICommandPalette, IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    connection: IConnection,
    executions: IExecutions,
    cards: IExecutionCards,
    attachments: IAttachments,
    notebooks: IOpenNotebooks,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    statusBar: IStatusBar | null
  ) => {
    const kit = kitOf(app, translator);
    addCommands(kit, connection, executions, new Leases(connection, executions), palette);
    cards.add(idlePart);
    if (statusBar) {
      addStatusItem(kit, statusBar, { executions, attachments, notebooks });
    }
  }
};

export const plugins: JupyterFrontEndPlugin<unknown>[] = [leasesPlugin];
