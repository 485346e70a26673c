/** Provides the model and the link to the active notebook, and tells the user what fails or ends. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { ZoeClient } from '../api/client';
import { ZoeModel } from '../model/model';
import { NotebookLink } from '../model/notebook';
import { exitWords, briefReason } from '../model/words';
import { CommandIDs, INotebookLink, IZoeModel } from '../tokens';

/** The connection to the hub. */
export const modelPlugin: JupyterFrontEndPlugin<IZoeModel> = {
  id: 'jupyter-zoe:model',
  description: 'Connects to the Zoe hub.',
  autoStart: true,
  provides: IZoeModel,
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, translator: ITranslator | null): IZoeModel => {
    const trans = (translator ?? nullTranslator).load('jupyter_zoe');
    const model = new ZoeModel(new ZoeClient(app.serviceManager.serverSettings));
    model.failed.connect((_, problem) => {
      Notification.error(problem.words, { autoClose: false });
    });
    model.ended.connect((_, execution) => {
      const logs = {
        label: trans.__('Logs'),
        callback: () => void app.commands.execute(CommandIDs.logs, { execution: execution.id })
      };
      if (execution.outcome === 'completed') {
        Notification.success(trans.__('%1 has completed.', execution.name), { actions: [logs], autoClose: 5000 });
      } else if (execution.outcome !== 'cancelled') {
        const exit = execution.exit_code === null ? '' : ` (${exitWords(execution.exit_code, trans)})`;
        const reason = briefReason(execution).slice(0, 160);
        const text =
          execution.outcome === 'lost'
            ? trans.__('%1 was lost%2: %3', execution.name, exit, reason)
            : trans.__('%1 has failed%2: %3', execution.name, exit, reason);
        Notification.error(text, { actions: [logs], autoClose: false });
      }
    });
    void app.started.then(() => model.open());
    return model;
  }
};

/** The active notebook. */
export const notebookPlugin: JupyterFrontEndPlugin<INotebookLink> = {
  id: 'jupyter-zoe:notebook',
  description: 'Attaches the active notebook to a Zoe execution.',
  autoStart: true,
  provides: INotebookLink,
  requires: [INotebookTracker],
  activate: (_app: JupyterFrontEnd, tracker: INotebookTracker): INotebookLink => new NotebookLink(tracker)
};
