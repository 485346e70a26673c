/** Notifications of trouble, with a way to read what does not fit into one. */

import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

/** Characters that JupyterLab shows of a notification; it cuts the rest off. */
const ROOM = 140;

/**
 * Tell that something went wrong, until the reader closes it.
 *
 * @param message what happened
 * @param remedy what to do about it; may be empty
 * @param actions what else the reader may do
 */
export function tellTrouble(
  trans: TranslationBundle,
  message: string,
  remedy = '',
  actions: Notification.IAction[] = []
): void {
  const whole = [message, remedy].filter(Boolean).join(' ');
  const rest: Notification.IAction = {
    label: trans.__('More'),
    caption: trans.__('Read all of it'),
    callback: () => void showDialog({ title: trans.__('Zoe'), body: whole, buttons: [Dialog.okButton()] })
  };
  const fits = whole.length <= ROOM;
  Notification.error(fits ? whole : message, { actions: fits ? actions : [...actions, rest], autoClose: false });
}
