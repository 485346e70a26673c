/** Asks before an execution is ended; a protected one wants its name typed. */

import { Dialog, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';
import type { IExecutionView } from '../../api/types';

/** What to send as `confirm` (empty: nothing), or null if the user does not want it. */
export async function confirmStop(execution: IExecutionView, trans: TranslationBundle): Promise<string | null> {
  const stop = Dialog.warnButton({ label: trans.__('Stop') });
  const buttons = [Dialog.cancelButton(), stop];
  if (!execution.protected) {
    const result = await showDialog({
      title: trans.__('Stop %1?', execution.name),
      body: trans.__('Its processes are ended. Logs stay.'),
      buttons
    });
    return result.button.accept ? '' : null;
  }
  const result = await showDialog({
    title: trans.__('Stop the protected %1?', execution.name),
    body: new NameBody(execution.name, trans),
    buttons,
    focusNodeSelector: 'input'
  });
  return result.button.accept && result.value ? result.value : null;
}

/** An input that is valid only with the name in it; the dialog's button follows. */
class NameBody extends Widget implements Dialog.IBodyWidget {
  constructor(name: string, trans: TranslationBundle) {
    super();
    const label = document.createElement('label');
    label.textContent = trans.__("'%1' is protected, since others may depend on it. Type its name to stop it.", name);
    this._input = document.createElement('input');
    this._input.className = 'jp-mod-styled';
    this._input.required = true;
    this._input.autocomplete = 'off';
    this._input.spellcheck = false;
    this._input.pattern = name.replace(
      /[^a-z0-9]/g,
      character => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`
    );
    this._input.placeholder = name;
    label.append(this._input);
    this.node.append(label);
    this.addClass('jp-zoe-Confirm');
  }

  protected override onAfterAttach(): void {
    // Lets the dialog see that nothing valid was typed yet.
    requestAnimationFrame(() => this._input.dispatchEvent(new Event('input', { bubbles: true })));
  }

  getValue(): string {
    return this._input.value;
  }

  private readonly _input: HTMLInputElement;
}
