/** The commands: for the palette (they ask what is missing), for the panel and for other extensions (they say it). */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ICommandPalette, InputDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { refreshIcon, runIcon, stopIcon } from '@jupyterlab/ui-components';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { IExecutionView, IZAppView } from '../api/types';
import { attachable, attachmentOf, ended, running, workersOf } from '../model/selectors';
import { CommandIDs, INotebookLink, IZoeModel } from '../tokens';
import { confirmDetach, confirmStop } from '../widgets/confirm';
import { zoeIcon } from '../widgets/icons';
import { askAndStart } from '../widgets/start';

/** Everything that changes something; tabs are in `tabs`. */
export const commandsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-zoe:commands',
  description: 'Commands that start, attach and stop.',
  autoStart: true,
  requires: [IZoeModel, INotebookLink],
  optional: [ITranslator, ICommandPalette],
  activate: (
    app: JupyterFrontEnd,
    model: IZoeModel,
    notebook: INotebookLink,
    translator: ITranslator | null,
    palette: ICommandPalette | null
  ) => {
    const used = translator ?? nullTranslator;
    const trans = used.load('jupyter_zoe');
    const { commands } = app;
    const category = trans.__('Zoe');

    commands.addCommand(CommandIDs.start, {
      label: trans.__('Start an Application…'),
      icon: runIcon,
      isEnabled: () => model.state.zapps.length > 0,
      execute: args =>
        guarded(model, async () => {
          const zapp = await pickZapp(model.state.zapps, text(args, 'zapp'), trans.__('Start an application'), trans);
          const started = zapp && (await askAndStart({ model, zapp, translator: used, trans }));
          if (started) {
            await commands.execute(CommandIDs.show);
          }
          return started?.id ?? null;
        })
    });

    commands.addCommand(CommandIDs.attach, {
      label: trans.__('Attach this Notebook…'),
      icon: zoeIcon,
      isEnabled: () => notebook.current?.status === 'idle' && notebook.current.task === null,
      execute: args =>
        guarded(model, async () => {
          const zapps = attachable(model.state, notebook.current?.language ?? null);
          const zapp = await pickZapp(zapps, text(args, 'zapp'), trans.__('Attach this notebook to'), trans);
          if (!zapp) {
            return;
          }
          const range = workersOf(zapp);
          let workers = typeof args.workers === 'number' ? args.workers : null;
          if (range && workers === null && args.workers === undefined) {
            const answer = await InputDialog.getNumber({
              title: trans.__('Workers'),
              label: trans.__('%1 to %2', range.minimum, range.maximum),
              value: range.initial
            });
            if (!answer.button.accept) {
              return;
            }
            workers = answer.value;
          }
          await commands.execute(CommandIDs.show);
          await quiet(notebook.attach(zapp.name, workers));
          await model.refreshAttachments();
        })
    });

    commands.addCommand(CommandIDs.reconnect, {
      label: trans.__('Connect the Kernel Again'),
      caption: trans.__('After a restart of the kernel: gives it a session of the cluster again'),
      isEnabled: () =>
        notebook.current?.status === 'idle' &&
        notebook.current.task === null &&
        attachmentOf(model.state, notebook.current) !== null,
      execute: () =>
        guarded(model, async () => {
          const row = notebook.current && attachmentOf(model.state, notebook.current);
          if (row) {
            await quiet(notebook.reconnect(row.execution));
          }
        })
    });

    commands.addCommand(CommandIDs.detach, {
      label: trans.__('Detach this Notebook…'),
      isEnabled: () => notebook.current !== null && attachmentOf(model.state, notebook.current) !== null,
      execute: () =>
        guarded(model, async () => {
          const current = notebook.current;
          const row = current && attachmentOf(model.state, current);
          if (!current || !row) {
            return;
          }
          const name = model.state.executions.get(row.execution)?.name ?? row.execution;
          const answer = await confirmDetach(name, trans);
          if (!answer) {
            return;
          }
          // The kernel closes its session itself; one that is busy or gone cannot, so the hub is told directly.
          if (current.status === 'idle') {
            await quiet(notebook.detach(row.execution, answer.keep));
            await model.refreshAttachments();
          } else {
            await model.detach(row.id, answer.keep);
          }
        })
    });

    commands.addCommand(CommandIDs.stop, {
      label: trans.__('Stop an Execution…'),
      icon: stopIcon,
      isEnabled: () => running(model.state).length > 0,
      execute: args =>
        guarded(model, async () => {
          const execution = await pickExecution(
            running(model.state),
            text(args, 'execution'),
            trans.__('Stop an execution'),
            trans
          );
          if (execution) {
            const confirm = await confirmStop(execution, trans);
            if (confirm !== null) {
              await model.terminate(execution.id, confirm);
            }
          }
        })
    });

    commands.addCommand(CommandIDs.refresh, {
      label: trans.__('Read Everything Again'),
      icon: refreshIcon,
      execute: () => model.refresh()
    });

    for (const command of [
      CommandIDs.start,
      CommandIDs.attach,
      CommandIDs.reconnect,
      CommandIDs.detach,
      CommandIDs.stop,
      CommandIDs.refresh
    ]) {
      palette?.addItem({ command, category });
    }
    const changed = (): void => commands.notifyCommandChanged();
    model.changed.connect(changed);
    notebook.changed.connect(changed);
  }
};

/** Runs a command; what fails is told to the user. */
export async function guarded<T>(model: IZoeModel, run: () => Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    model.report(error);
    return null;
  }
}

/** Waits for what shows its problem itself. */
async function quiet(promise: Promise<void>): Promise<void> {
  await promise.catch(() => undefined);
}

/** A text among the arguments. */
export function text(args: ReadonlyPartialJSONObject, name: string): string | null {
  const value = args[name];
  return typeof value === 'string' && value ? value : null;
}

async function pickZapp(
  zapps: readonly IZAppView[],
  name: string | null,
  title: string,
  trans: TranslationBundle
): Promise<IZAppView | null> {
  if (name !== null) {
    const found = zapps.find(zapp => zapp.name === name);
    if (!found) {
      throw new Error(trans.__("The shop has no application '%1' for this.", name));
    }
    return found;
  }
  return pick(zapps, zapp => `${zapp.title} (${zapp.name})`, title, trans);
}

/** The execution with this id, or one that the user chooses. */
export async function pickExecution(
  executions: readonly IExecutionView[],
  id: string | null,
  title: string,
  trans: TranslationBundle
): Promise<IExecutionView | null> {
  if (id !== null) {
    const found = executions.find(execution => execution.id === id);
    if (!found) {
      throw new Error(trans.__("There is no execution '%1' for this.", id));
    }
    return found;
  }
  return pick(executions, execution => `${execution.name} (${execution.title}, ${execution.id})`, title, trans);
}

/** Lets the user choose; the only one is chosen at once. */
export async function pick<T>(
  items: readonly T[],
  label: (item: T) => string,
  title: string,
  trans: TranslationBundle
): Promise<T | null> {
  if (items.length === 0) {
    throw new Error(trans.__('There is nothing to choose from.'));
  }
  const [only] = items;
  if (items.length === 1 && only !== undefined) {
    return only;
  }
  const labels = items.map(label);
  const answer = await InputDialog.getItem({ title, items: labels });
  return answer.button.accept && answer.value !== null ? (items[labels.indexOf(answer.value)] ?? null) : null;
}

/** All executions that are known, those that run first. */
export function known(model: IZoeModel): IExecutionView[] {
  return [...running(model.state), ...ended(model.state)];
}
