/** Adds the side panel and the command that shows it. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { CommandIDs, INotebookLink, IZoeModel } from '../tokens';
import { zoeIcon } from '../widgets/icons';
import { ZoePanel } from '../widgets/panel';

/** The side panel. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-zoe:panel',
  description: 'The side panel of Zoe.',
  autoStart: true,
  requires: [IZoeModel, INotebookLink],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    model: IZoeModel,
    notebook: INotebookLink,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ) => {
    const used = translator ?? nullTranslator;
    const trans = used.load('jupyter_zoe');
    const panel = new ZoePanel({ model, notebook, commands: app.commands, trans }, used);
    app.shell.add(panel, 'left', { rank: 250, type: 'Zoe' });
    restorer?.add(panel, panel.id);
    app.commands.addCommand(CommandIDs.show, {
      label: trans.__('Show the Zoe Panel'),
      icon: zoeIcon,
      execute: () => app.shell.activateById(panel.id)
    });
    palette?.addItem({ command: CommandIDs.show, category: trans.__('Zoe') });
  }
};
