/** Opens logs and web pages in tabs, brings them back after a reload, and lets JupyterLab's search find in logs. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import type { MainAreaWidget } from '@jupyterlab/apputils';
import { ICommandPalette, WidgetTracker } from '@jupyterlab/apputils';
import { ISearchProviderRegistry } from '@jupyterlab/documentsearch';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { IFrame } from '@jupyterlab/ui-components';
import { launchIcon, listIcon } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';
import { ZoeProblem } from '../api/problem';
import { running } from '../model/selectors';
import { CommandIDs, IZoeModel } from '../tokens';
import type { IPlace } from '../widgets/endpoint';
import { endpointTab } from '../widgets/endpoint';
import { logTab, LogViewer } from '../widgets/logs';
import { LogSearch } from '../widgets/search';
import { guarded, known, pick, pickExecution, text } from './commands';

/** Logs and endpoints. */
export const tabsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-zoe:tabs',
  description: 'Logs and web pages of processes in tabs.',
  autoStart: true,
  requires: [IZoeModel],
  optional: [ITranslator, ILayoutRestorer, ICommandPalette, ISearchProviderRegistry],
  activate: (
    app: JupyterFrontEnd,
    model: IZoeModel,
    translator: ITranslator | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    search: ISearchProviderRegistry | null
  ) => {
    const trans = (translator ?? nullTranslator).load('jupyter_zoe');
    const { commands, shell } = app;
    const logs = new WidgetTracker<MainAreaWidget<LogViewer>>({ namespace: 'jupyter-zoe-logs' });
    const pages = new WidgetTracker<MainAreaWidget<IFrame>>({ namespace: 'jupyter-zoe-pages' });
    // What each tab of a page shows, to bring it back.
    const places = new WeakMap<Widget, IPlace>();

    commands.addCommand(CommandIDs.logs, {
      label: trans.__('Show Logs…'),
      icon: listIcon,
      isEnabled: () => model.state.executions.size > 0 || !model.state.loaded,
      execute: args =>
        guarded(model, async () => {
          const [id, name] = [text(args, 'execution'), text(args, 'name')];
          const execution =
            id && name // a tab that comes back: nothing is asked of a hub that may still be starting
              ? { id, name, processes: [] }
              : id
                ? await model.execution(id)
                : await pickExecution(known(model), null, trans.__('Show the logs of'), trans);
          if (!execution) {
            return;
          }
          const open = logs.find(tab => tab.content.execution === execution.id);
          const process = text(args, 'process');
          if (open) {
            if (process) {
              open.content.process = process;
            }
            shell.activateById(open.id);
            return;
          }
          const chosen = process ?? execution.processes[0]?.id;
          if (!chosen) {
            throw new ZoeProblem({
              status: 0,
              code: 'no-log',
              detail: trans.__('%1 has no process yet, so no output.', execution.name),
              remedy: trans.__('Wait until it has started.')
            });
          }
          const viewer = new LogViewer({ model, execution, process: chosen, trans });
          const tab = logTab(viewer, trans);
          tab.id = `jupyter-zoe-logs-${execution.id}`;
          viewer.changed.connect(() => void logs.save(tab));
          shell.add(tab, 'main');
          await logs.add(tab);
          shell.activateById(tab.id);
        })
    });

    commands.addCommand(CommandIDs.openEndpoint, {
      label: trans.__('Open a Web Page of an Execution…'),
      icon: launchIcon,
      isEnabled: () =>
        running(model.state).some(execution => execution.endpoints.some(endpoint => endpoint.show)) ||
        !model.state.loaded,
      execute: args =>
        guarded(model, async () => {
          const id = text(args, 'execution');
          if (id && text(args, 'path')) {
            await show(args as unknown as IPlace);
            return;
          }
          const offering = running(model.state).filter(execution =>
            execution.endpoints.some(endpoint => endpoint.show)
          );
          const execution = id
            ? await model.execution(id)
            : await pickExecution(offering, null, trans.__('Open a page of'), trans);
          if (!execution) {
            return;
          }
          const [process, port] = [text(args, 'process'), text(args, 'port')];
          const fitting = execution.endpoints.filter(
            endpoint =>
              (process === null ? endpoint.show : endpoint.process === process) &&
              (port === null || endpoint.port === port)
          );
          if (fitting.length === 0) {
            throw new ZoeProblem({
              status: 0,
              code: 'unknown-port',
              detail: trans.__('%1 has no such page any more.', execution.name),
              remedy: trans.__('Start it again, or choose another page in the panel.')
            });
          }
          const endpoint = await pick(
            fitting,
            item => `${item.title || item.port} (${item.process})`,
            trans.__('Open'),
            trans
          );
          if (!endpoint) {
            return;
          }
          await show({
            execution: execution.id,
            name: execution.name,
            process: endpoint.process,
            port: endpoint.port,
            title: endpoint.title || endpoint.port,
            path: endpoint.path
          });
        })
    });

    const show = async (place: IPlace): Promise<void> => {
      const id = `jupyter-zoe-page-${place.execution}-${place.process}-${place.port}`;
      if (!pages.find(tab => tab.id === id)) {
        const tab = endpointTab(place, model.webPrefix, trans);
        tab.id = id;
        places.set(tab, place);
        shell.add(tab, 'main');
        await pages.add(tab);
      }
      shell.activateById(id);
    };

    for (const command of [CommandIDs.logs, CommandIDs.openEndpoint]) {
      palette?.addItem({ command, category: trans.__('Zoe') });
    }
    if (restorer) {
      void restorer.restore(logs, {
        command: CommandIDs.logs,
        args: tab => ({ execution: tab.content.execution, process: tab.content.process, name: tab.content.name }),
        name: tab => tab.content.execution
      });
      void restorer.restore(pages, {
        command: CommandIDs.openEndpoint,
        args: tab => ({ ...places.get(tab) }),
        name: tab => tab.id
      });
    }
    search?.add('jupyter-zoe-logs', {
      isApplicable: (widget: Widget): widget is LogTab => logs.has(widget),
      createNew: (widget: Widget) => new LogSearch(widget as LogTab)
    });
  }
};

type LogTab = MainAreaWidget<LogViewer>;
