/** Provides the connection to the hub and the side panel, and tells the user what fails. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import { refreshIcon } from '@jupyterlab/ui-components';
import { ZoeClient } from '../api/client';
import { text } from './commands';
import { Connection } from './model/connection';
import { tellTrouble } from './notices';
import { IConnection, IZoePanel, KitCommands } from './tokens';
import { kitOf } from './widgets/context';
import { zoeIcon } from './widgets/icons';
import { ZoePanel } from './widgets/panel';
import { problemWords } from './words/problems';

/** The connection to the hub. */
const connectionPlugin: JupyterFrontEndPlugin<IConnection> = {
  id: 'jupyter-zoe:connection',
  description: 'Connects to the Zoe hub.',
  autoStart: true,
  provides: IConnection,
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, translator: ITranslator | null): IConnection => {
    const { trans } = kitOf(app, translator);
    const connection = new Connection(new ZoeClient(app.serviceManager.serverSettings));
    connection.failed.connect((_, problem) => {
      const { message, remedy } = problemWords(problem, trans);
      tellTrouble(trans, message, remedy);
    });
    // By then the plugins of all capabilities have given it their feeds.
    void app.started.then(() => connection.open());
    return connection;
  }
};

/** The side panel. */
const panelPlugin: JupyterFrontEndPlugin<IZoePanel> = {
  id: 'jupyter-zoe:panel',
  description: 'The side panel of Zoe.',
  autoStart: true,
  provides: IZoePanel,
  requires: [IConnection],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    connection: IConnection,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ): IZoePanel => {
    const kit = kitOf(app, translator);
    const { commands, trans } = kit;
    const panel = new ZoePanel(kit, connection);
    app.shell.add(panel, 'left', { rank: 250, type: 'Zoe' });
    restorer?.add(panel, panel.id);
    const provided: IZoePanel = {
      add: section => panel.sections.add(section),
      reveal: section => {
        app.shell.activateById(panel.id);
        if (section !== undefined) {
          panel.unfold(section);
        }
      }
    };
    commands.addCommand(KitCommands.show, {
      label: args => (text(args, 'section') ? trans.__('Show in the Zoe Panel') : trans.__('Show the Zoe Panel')),
      icon: zoeIcon.bindprops({ stylesheet: 'menuItem' }),
      execute: args => provided.reveal(text(args, 'section') ?? undefined)
    });
    commands.addCommand(KitCommands.refresh, {
      label: trans.__('Read Everything Again'),
      icon: refreshIcon.bindprops({ stylesheet: 'menuItem' }),
      execute: () => connection.refresh()
    });
    for (const command of Object.values(KitCommands)) {
      palette?.addItem({ command, category: trans.__('Zoe') });
    }
    return provided;
  }
};

export const plugins: JupyterFrontEndPlugin<unknown>[] = [connectionPlugin, panelPlugin];
