/** The command that starts a ZApp. */

import type { ICommandPalette } from '@jupyterlab/apputils';
import { runIcon } from '@jupyterlab/ui-components';
import { enabledBy, guarded, pickZapp, text } from '../kit/commands';
import type { IConnection } from '../kit/tokens';
import { KitCommands } from '../kit/tokens';
import type { IKit } from '../kit/widgets/context';
import type { ICatalog } from './tokens';
import { ShopCommands } from './tokens';
import { askAndStart } from './widgets/start';

/** Adds it, also to the palette. */
export function addCommands(
  { commands, translator, trans }: IKit,
  connection: IConnection,
  catalog: ICatalog,
  palette: ICommandPalette | null
): void {
  commands.addCommand(ShopCommands.start, {
    label: trans.__('Start an Application…'),
    icon: runIcon.bindprops({ stylesheet: 'menuItem' }),
    isEnabled: () => catalog.state.zapps.length > 0,
    execute: args =>
      guarded(connection, async () => {
        const { zapps } = catalog.state;
        const zapp = await pickZapp(zapps, text(args, 'zapp'), trans.__('Start an application'), trans);
        const started = zapp && (await askAndStart({ catalog, zapp, translator, trans }));
        if (started) {
          await commands.execute(KitCommands.show);
        }
        return started?.id ?? null;
      })
  });
  palette?.addItem({ command: ShopCommands.start, category: trans.__('Zoe') });
  enabledBy(commands, Object.values(ShopCommands), catalog.changed);
}
