/** Wires attachments: what an open notebook's cluster is shown by, and the commands that attach and detach. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, IToolbarWidgetRegistry } from '@jupyterlab/apputils';
import type { NotebookPanel } from '@jupyterlab/notebook';
import { INotebookTracker } from '@jupyterlab/notebook';
import { IStatusBar } from '@jupyterlab/statusbar';
import { ITranslator } from '@jupyterlab/translation';
import React from 'react';
import { IExecutionCards, IExecutions } from '../executions/tokens';
import { IConnection, IZoePanel } from '../kit/tokens';
import { kitOf } from '../kit/widgets/context';
import { ICatalog } from '../shop/tokens';
import { addCommands } from './commands';
import { AttachmentsModel } from './model';
import { OpenNotebooks } from './notebooks';
import { IAttachments, IOpenNotebooks } from './tokens';
import { holdersPart } from './widgets/holders';
import { NotebookSection, SECTION } from './widgets/section';
import { addStatusItem } from './widgets/statusbar';
import { toolbarItem } from './widgets/toolbar';

const attachmentsPlugin: JupyterFrontEndPlugin<IAttachments> = {
  id: 'jupyter-zoe:attachments',
  description: 'Which notebooks are attached to which executions.',
  autoStart: true,
  provides: IAttachments,
  requires: [IConnection, IExecutions],
  activate: (_app: JupyterFrontEnd, connection: IConnection, executions: IExecutions): IAttachments =>
    new AttachmentsModel(connection, executions)
};

const notebooksPlugin: JupyterFrontEndPlugin<IOpenNotebooks> = {
  id: 'jupyter-zoe:notebooks',
  description: 'Has the kernels of open notebooks attach to executions.',
  autoStart: true,
  provides: IOpenNotebooks,
  requires: [INotebookTracker],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker, translator: ITranslator | null): IOpenNotebooks =>
    new OpenNotebooks(tracker, kitOf(app, translator).trans)
};

const sectionPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-zoe:notebook-section',
  description: 'The cluster of the active notebook in the panel, the palette and the status bar.',
  autoStart: true,
  requires: [IConnection, IZoePanel, IExecutions, IExecutionCards, ICatalog, IAttachments, IOpenNotebooks],
  optional: [ITranslator, ICommandPalette, IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    connection: IConnection,
    panel: IZoePanel,
    executions: IExecutions,
    cards: IExecutionCards,
    catalog: ICatalog,
    attachments: IAttachments,
    notebooks: IOpenNotebooks,
    translator: ITranslator | null,
    palette: ICommandPalette | null,
    statusBar: IStatusBar | null
  ) => {
    const kit = kitOf(app, translator);
    const parts = { connection, executions, cards, catalog, attachments, notebooks };
    addCommands({ kit, ...parts }, palette);
    panel.add({ id: SECTION, rank: 10, Body: () => <NotebookSection {...parts} /> });
    cards.add(holdersPart(attachments, notebooks));
    if (statusBar) {
      addStatusItem(kit, statusBar, parts);
    }
    // The cluster of the active notebook stands in the notebook's section, and in no other.
    const claim = (): void => {
      const row = notebooks.state && attachments.of(notebooks.state);
      cards.claim(SECTION, row?.execution ?? null);
    };
    [notebooks, attachments, executions].forEach(({ changed }) => changed.connect(claim));
    claim();
  }
};

/** Its place in the toolbar is a setting (`schema/toolbar.json`), so that a person can change it. */
const toolbarPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-zoe:toolbar',
  description: 'The cluster of a notebook in its toolbar.',
  autoStart: true,
  requires: [IToolbarWidgetRegistry, IExecutions, ICatalog, IAttachments, IOpenNotebooks],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    toolbar: IToolbarWidgetRegistry,
    executions: IExecutions,
    catalog: ICatalog,
    attachments: IAttachments,
    notebooks: IOpenNotebooks,
    translator: ITranslator | null
  ) => {
    const kit = kitOf(app, translator);
    const parts = { executions, catalog, attachments, notebooks };
    toolbar.addFactory<NotebookPanel>('Notebook', 'zoe-cluster', panel => toolbarItem(kit, parts, panel));
  }
};

export const plugins: JupyterFrontEndPlugin<unknown>[] = [
  attachmentsPlugin,
  notebooksPlugin,
  sectionPlugin,
  toolbarPlugin
];
