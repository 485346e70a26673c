/** Asks before a notebook is detached. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

/** Ask before a notebook is detached. `keep`: the cluster stays; null: not at all. */
export async function confirmDetach(name: string, trans: TranslationBundle): Promise<{ keep: boolean } | null> {
  const result = await showDialog({
    title: trans.__('Detach from %1?', name),
    body: trans.__('The session in the kernel ends. The cluster is stopped if no other notebook is attached to it.'),
    checkbox: { label: trans.__('Keep the cluster running'), checked: false },
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Detach') })]
  });
  return result.button.accept ? { keep: result.isChecked === true } : null;
}
