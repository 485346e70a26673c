/** What the commands of all capabilities have in common: they say what fails, and ask for what was not said. */

import { InputDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type { ReadonlyPartialJSONObject } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { IExecutionView, IZAppView } from '../api/types';
import type { IConnection } from './tokens';

/** Runs a command; what fails is told to the user. */
export async function guarded<T>(connection: IConnection, run: () => Promise<T>): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    connection.report(error);
    return null;
  }
}

/** Has menus and the palette ask again whether these commands are enabled, whenever one of the signals is emitted. */
export function enabledBy(
  commands: CommandRegistry,
  ids: readonly string[],
  ...signals: readonly ISignal<unknown, unknown>[]
): void {
  const ask = (): void => ids.forEach(id => commands.notifyCommandChanged(id));
  signals.forEach(signal => signal.connect(ask));
}

/** A text among the arguments. */
export function text(args: ReadonlyPartialJSONObject, name: string): string | null {
  const value = args[name];
  return typeof value === 'string' && value ? value : null;
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

/** The ZApp with this name, or one that the user chooses. */
export async function pickZapp(
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
