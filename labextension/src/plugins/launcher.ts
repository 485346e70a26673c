/** Cards in the launcher for the ZApps that people work in. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILauncher } from '@jupyterlab/launcher';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import { DisposableSet } from '@lumino/disposable';
import type { IZAppView } from '../api/types';
import { CommandIDs, IZoeModel } from '../tokens';
import { zappIcon } from '../widgets/icons';

const KINDS = ['notebook', 'engine'];

/** The cards follow the shop. */
export const launcherPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-zoe:launcher',
  description: 'Launcher cards of Zoe.',
  autoStart: true,
  requires: [IZoeModel, ILauncher],
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, model: IZoeModel, launcher: ILauncher, translator: ITranslator | null) => {
    const trans = (translator ?? nullTranslator).load('jupyter_zoe');
    let cards: IDisposable | null = null;
    let shown: readonly IZAppView[] | null = null;
    const update = (): void => {
      if (shown === model.state.zapps) {
        return;
      }
      shown = model.state.zapps;
      cards?.dispose();
      const added = new DisposableSet();
      for (const zapp of shown.filter(item => KINDS.includes(item.kind))) {
        const command = `zoe:start-${zapp.name}`;
        added.add(
          app.commands.addCommand(command, {
            label: zapp.title,
            caption: zapp.description || zapp.title,
            icon: zappIcon(zapp.name, zapp.icon),
            execute: () => app.commands.execute(CommandIDs.start, { zapp: zapp.name })
          })
        );
        added.add(launcher.add({ command, category: trans.__('Zoe') }));
      }
      cards = added;
    };
    model.changed.connect(update);
    update();
  }
};
