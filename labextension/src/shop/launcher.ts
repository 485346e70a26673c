/** Cards in the launcher for the ZApps that people work in. */

import type { ILauncher } from '@jupyterlab/launcher';
import type { IDisposable } from '@lumino/disposable';
import { DisposableSet } from '@lumino/disposable';
import type { IKit } from '../kit/widgets/context';
import type { ICatalog } from './tokens';
import { ShopCommands } from './tokens';
import { zappIcon } from './widgets/icons';

const KINDS = ['notebook', 'engine'];

/** From now on the cards follow the shop. */
export function addCards({ commands, trans }: IKit, catalog: ICatalog, launcher: ILauncher): void {
  let cards: IDisposable | null = null;
  const update = (): void => {
    cards?.dispose();
    const added = new DisposableSet();
    for (const zapp of catalog.state.zapps.filter(item => KINDS.includes(item.kind))) {
      const command = `${ShopCommands.start}-${zapp.name}`;
      added.add(
        commands.addCommand(command, {
          label: zapp.title,
          caption: zapp.description || zapp.title,
          icon: zappIcon(zapp.name, zapp.icon),
          execute: () => commands.execute(ShopCommands.start, { zapp: zapp.name })
        })
      );
      added.add(launcher.add({ command, category: trans.__('Zoe') }));
    }
    cards = added;
  };
  catalog.changed.connect(update);
  update();
}
