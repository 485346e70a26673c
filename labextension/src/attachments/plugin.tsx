/** Wires attachments: the open notebook's cluster in the panel, and the commands that attach and detach. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator } from '@jupyterlab/translation';
import React from 'react';
import { IExecutionCards, IExecutions } from '../executions/tokens';
import { IConnection, IZoePanel } from '../kit/tokens';
import { kitOf } from '../kit/widgets/context';
import { ICatalog } from '../shop/tokens';
import { addCommands } from './commands';
import { AttachmentsModel } from './model';
import { NotebookLink } from './notebook';
import { IAttachments, INotebookLink } from './tokens';
import { NotebookSection } from './widgets/section';

const attachmentsPlugin: JupyterFrontEndPlugin<IAttachments> = {
  id: 'jupyter-zoe:attachments',
  description: 'Which notebooks are attached to which executions.',
  autoStart: true,
  provides: IAttachments,
  requires: [IConnection, IExecutions],
  activate: (_app: JupyterFrontEnd, connection: IConnection, executions: IExecutions): IAttachments =>
    new AttachmentsModel(connection, executions)
};

const notebookPlugin: JupyterFrontEndPlugin<INotebookLink> = {
  id: 'jupyter-zoe:notebook',
  description: 'Attaches the active notebook to a Zoe execution.',
  autoStart: true,
  provides: INotebookLink,
  requires: [INotebookTracker],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, tracker: INotebookTracker, translator: ITranslator | null): INotebookLink =>
    new NotebookLink(tracker, kitOf(app, translator).trans)
};

const sectionPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-zoe:notebook-section',
  description: 'The cluster of the active notebook in the panel and the palette.',
  autoStart: true,
  requires: [IConnection, IZoePanel, IExecutions, IExecutionCards, ICatalog, IAttachments, INotebookLink],
  optional: [ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    connection: IConnection,
    panel: IZoePanel,
    executions: IExecutions,
    cards: IExecutionCards,
    catalog: ICatalog,
    attachments: IAttachments,
    notebook: INotebookLink,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const kit = kitOf(app, translator);
    const parts = { connection, executions, cards, catalog, attachments, notebook };
    addCommands({ kit, ...parts }, palette);
    panel.add({ id: 'notebook', rank: 10, Body: () => <NotebookSection {...parts} /> });
    // The cluster of the active notebook stands in the notebook's section, and in no other.
    const claim = (): void => {
      const row = notebook.current && attachments.of(notebook.current);
      cards.claim('notebook', row?.execution ?? null);
    };
    notebook.changed.connect(claim);
    attachments.changed.connect(claim);
    executions.changed.connect(claim);
    claim();
  }
};

export const plugins: JupyterFrontEndPlugin<unknown>[] = [attachmentsPlugin, notebookPlugin, sectionPlugin];
