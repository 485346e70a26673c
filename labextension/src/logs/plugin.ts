/** Wires logs: a button on the cards of executions, tabs that come back after a reload, JupyterLab's search in them. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { ISearchProviderRegistry } from '@jupyterlab/documentsearch';
import { ITranslator } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';
import { IExecutionCards, IExecutions } from '../executions/tokens';
import { IConnection } from '../kit/tokens';
import { kitOf } from '../kit/widgets/context';
import { addCommands } from './commands';
import { LogModel } from './model';
import { LogCommands } from './tokens';
import { logsPart } from './widgets/button';
import { LogSearch } from './widgets/search';
import type { LogTab } from './widgets/tab';
import { logTab } from './widgets/tab';

const logsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-zoe:logs',
  description: 'The output of processes in tabs.',
  autoStart: true,
  requires: [IConnection, IExecutions, IExecutionCards],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette, ISearchProviderRegistry],
  activate: (
    app: JupyterFrontEnd,
    connection: IConnection,
    executions: IExecutions,
    cards: IExecutionCards,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    search: ISearchProviderRegistry | null
  ) => {
    const kit = kitOf(app, translator);
    const { trans } = kit;
    const tabs = new WidgetTracker<LogTab>({ namespace: 'jupyter-zoe-logs' });
    const activate = (execution: string, process: string | null): boolean => {
      const tab = tabs.find(each => each.content.model.execution.id === execution);
      if (tab) {
        tab.content.model.process = process ?? tab.content.model.process;
        app.shell.activateById(tab.id);
      }
      return tab !== undefined;
    };
    const open = async (execution: { id: string; name: string }, process: string): Promise<void> => {
      if (activate(execution.id, process)) {
        return;
      }
      const model = new LogModel({ connection, executions, execution, process, trans });
      const tab = logTab(model, trans);
      model.changed.connect(() => void tabs.save(tab));
      app.shell.add(tab, 'main');
      await tabs.add(tab);
      app.shell.activateById(tab.id);
    };
    addCommands(kit, connection, executions, { activate, open }, palette);
    cards.add(logsPart);
    if (restorer) {
      void restorer.restore(tabs, {
        command: LogCommands.show,
        args: ({ content: { model } }) => ({
          execution: model.execution.id,
          process: model.process,
          name: model.execution.name
        }),
        name: tab => tab.content.model.execution.id
      });
    }
    search?.add('jupyter-zoe-logs', {
      isApplicable: (widget: Widget): widget is LogTab => tabs.has(widget),
      createNew: (widget: Widget) => new LogSearch(widget as LogTab)
    });
  }
};

export const plugins: JupyterFrontEndPlugin<unknown>[] = [logsPlugin];
