/** Wires executions: model, commands, what the panel shows of them, and a word to the user when one ends. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import React from 'react';
import { IConnection, IZoePanel } from '../kit/tokens';
import { kitOf } from '../kit/widgets/context';
import { addCommands } from './commands';
import { ExecutionsModel } from './model';
import { noticeEnds } from './notices';
import { IExecutionCards, IExecutions } from './tokens';
import { ExecutionCards } from './widgets/card';
import { EndedSection, RunningSection } from './widgets/list';
import { scalePart, stopPart } from './widgets/parts';

const modelPlugin: JupyterFrontEndPlugin<IExecutions> = {
  id: 'jupyter-zoe:executions',
  description: 'The executions of the Zoe hub, and the commands that change them.',
  autoStart: true,
  provides: IExecutions,
  requires: [IConnection],
  optional: [ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    connection: IConnection,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ): IExecutions => {
    const executions = new ExecutionsModel(connection);
    const kit = kitOf(app, translator);
    addCommands(kit, connection, executions, palette);
    noticeEnds(kit, executions);
    return executions;
  }
};

const cardsPlugin: JupyterFrontEndPlugin<IExecutionCards> = {
  id: 'jupyter-zoe:execution-cards',
  description: 'Shows executions in the panel of Zoe.',
  autoStart: true,
  provides: IExecutionCards,
  requires: [IConnection, IExecutions, IZoePanel],
  activate: (
    _app: JupyterFrontEnd,
    connection: IConnection,
    executions: IExecutions,
    panel: IZoePanel
  ): IExecutionCards => {
    const cards = new ExecutionCards();
    cards.add(stopPart);
    cards.add(scalePart(connection, executions));
    panel.add({ id: 'running', rank: 20, Body: () => <RunningSection executions={executions} cards={cards} /> });
    panel.add({ id: 'ended', rank: 40, Body: () => <EndedSection executions={executions} cards={cards} /> });
    return cards;
  }
};

export const plugins: JupyterFrontEndPlugin<unknown>[] = [modelPlugin, cardsPlugin];
