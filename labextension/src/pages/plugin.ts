/** Wires web pages: links on the cards of executions, tabs that show them, and that come back after a reload. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { ITranslator } from '@jupyterlab/translation';
import type { Widget } from '@lumino/widgets';
import { IExecutionCards, IExecutions } from '../executions/tokens';
import { IConnection } from '../kit/tokens';
import { kitOf } from '../kit/widgets/context';
import { addCommands } from './commands';
import { wayTo } from './opening';
import type { IPlace } from './place';
import { plainUrl } from './place';
import { PageCommands } from './tokens';
import { linksPart } from './widgets/links';
import { PageTab } from './widgets/tab';

const pagesPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-zoe:pages',
  description: 'Web pages of processes in tabs.',
  autoStart: true,
  requires: [IConnection, IExecutions, IExecutionCards],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    connection: IConnection,
    executions: IExecutions,
    cards: IExecutionCards,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null
  ) => {
    const kit = kitOf(app, translator);
    const tabs = new WidgetTracker<PageTab>({ namespace: 'jupyter-zoe-pages' });
    // What each tab shows, to bring it back.
    const places = new WeakMap<Widget, IPlace>();
    const show = async (place: IPlace): Promise<void> => {
      const id = `jupyter-zoe-page-${place.execution}-${place.process}-${place.port}`;
      if (tabs.find(tab => tab.id === id)) {
        app.shell.activateById(id);
        return;
      }
      const tab = new PageTab({
        place,
        plain: plainUrl(place, connection.client.webPrefix),
        find: () => wayTo(connection.client, place),
        report: error => connection.report(error),
        trans: kit.trans
      });
      tab.id = id;
      places.set(tab, place);
      app.shell.add(tab, 'main');
      await tabs.add(tab);
      app.shell.activateById(id);
      try {
        await tab.load();
      } catch (error) {
        tab.dispose();
        throw error;
      }
    };
    addCommands(kit, connection, executions, show, palette);
    cards.add(linksPart);
    if (restorer) {
      void restorer.restore(tabs, {
        command: PageCommands.open,
        args: tab => ({ ...places.get(tab) }),
        name: tab => tab.id
      });
    }
  }
};

export const plugins: JupyterFrontEndPlugin<unknown>[] = [pagesPlugin];
