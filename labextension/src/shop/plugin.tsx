/** Wires the shop: its model, its command, its section of the panel, its cards in the launcher. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator } from '@jupyterlab/translation';
import React from 'react';
import { IExecutions } from '../executions/tokens';
import { IConnection, IZoePanel } from '../kit/tokens';
import { kitOf } from '../kit/widgets/context';
import { addCommands } from './commands';
import { addCards } from './launcher';
import { CatalogModel } from './model';
import { ICatalog } from './tokens';
import { ShopSection } from './widgets/section';

const shopPlugin: JupyterFrontEndPlugin<ICatalog> = {
  id: 'jupyter-zoe:shop',
  description: 'The ZApps of the Zoe hub: in the panel, the launcher and the palette.',
  autoStart: true,
  provides: ICatalog,
  requires: [IConnection, IZoePanel, IExecutions],
  optional: [ITranslator, ICommandPalette, ILauncher],
  activate: (
    app: JupyterFrontEnd,
    connection: IConnection,
    panel: IZoePanel,
    executions: IExecutions,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    launcher: ILauncher | null
  ): ICatalog => {
    const kit = kitOf(app, translator);
    const catalog = new CatalogModel(connection, executions);
    addCommands(kit, connection, catalog, palette);
    panel.add({ id: 'shop', rank: 30, Body: () => <ShopSection catalog={catalog} /> });
    if (launcher) {
      addCards(kit, catalog, launcher);
    }
    return catalog;
  }
};

export const plugins: JupyterFrontEndPlugin<unknown>[] = [shopPlugin];
