/** Commands for the active notebook. What is not said is asked. */

import type { ICommandPalette } from '@jupyterlab/apputils';
import { InputDialog } from '@jupyterlab/apputils';
import type { IExecutions } from '../executions/tokens';
import { enabledBy, guarded, pickZapp, text } from '../kit/commands';
import type { IConnection } from '../kit/tokens';
import { KitCommands } from '../kit/tokens';
import type { IKit } from '../kit/widgets/context';
import { zoeIcon } from '../kit/widgets/icons';
import type { ICatalog } from '../shop/tokens';
import { attachable, workersOf } from './state';
import type { IAttachmentRow, IAttachments, IOpenNotebook, IOpenNotebooks } from './tokens';
import { AttachmentCommands } from './tokens';
import { confirmDetach } from './widgets/confirm';

/** What the commands work with. */
export interface ICommandOptions {
  readonly kit: IKit;
  readonly connection: IConnection;
  readonly executions: IExecutions;
  readonly catalog: ICatalog;
  readonly attachments: IAttachments;
  readonly notebooks: IOpenNotebooks;
}

/** Adds them, also to the palette. */
export function addCommands(options: ICommandOptions, palette: ICommandPalette | null): void {
  const { kit, connection, executions, catalog, attachments, notebooks } = options;
  const { commands, trans } = kit;
  const isFree = (): boolean => notebooks.state?.status === 'idle' && notebooks.state.task === null;
  const attached = (): { notebook: IOpenNotebook; row: IAttachmentRow } | null => {
    const notebook = notebooks.current;
    const row = notebook && attachments.of(notebook.state);
    return row && { notebook, row };
  };

  commands.addCommand(AttachmentCommands.attach, {
    label: trans.__('Attach this Notebook…'),
    icon: zoeIcon.bindprops({ stylesheet: 'menuItem' }),
    isEnabled: isFree,
    execute: args =>
      guarded(connection, async () => {
        const notebook = notebooks.current;
        const zapps = attachable(catalog.state.zapps, notebook?.state.language ?? null);
        const zapp = await pickZapp(zapps, text(args, 'zapp'), trans.__('Attach this notebook to'), trans);
        if (!notebook || !zapp) {
          return;
        }
        const range = workersOf(zapp);
        let workers = typeof args.workers === 'number' ? args.workers : null;
        if (range && args.workers === undefined) {
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
        await commands.execute(KitCommands.show);
        await quiet(notebook.attach(zapp.name, workers));
        await attachments.refresh();
      })
  });

  commands.addCommand(AttachmentCommands.reconnect, {
    label: trans.__('Connect the Kernel Again'),
    caption: trans.__('After a restart of the kernel: gives it a session of the cluster again'),
    isEnabled: () => isFree() && attached() !== null,
    execute: () =>
      guarded(connection, async () => {
        const found = attached();
        if (found) {
          await quiet(found.notebook.reconnect(found.row.execution));
        }
      })
  });

  commands.addCommand(AttachmentCommands.detach, {
    label: trans.__('Detach this Notebook…'),
    isEnabled: () => attached() !== null,
    execute: () =>
      guarded(connection, async () => {
        const found = attached();
        if (!found) {
          return;
        }
        const { notebook, row } = found;
        const name = executions.state.get(row.execution)?.name ?? row.execution;
        const answer = await confirmDetach(name, trans);
        if (!answer) {
          return;
        }
        // The kernel closes its session itself; one that is busy or gone cannot, so the hub is told directly.
        if (notebook.state.status === 'idle' && notebook.state.task === null) {
          await quiet(notebook.detach(row.execution, answer.keep));
          await attachments.refresh();
        } else {
          await attachments.detach(row.id, answer.keep);
        }
      })
  });

  for (const command of Object.values(AttachmentCommands)) {
    palette?.addItem({ command, category: trans.__('Zoe') });
  }
  enabledBy(commands, Object.values(AttachmentCommands), notebooks.changed, attachments.changed, executions.changed);
}

/** Waits for what shows its problem itself. */
async function quiet(promise: Promise<void>): Promise<void> {
  await promise.catch(() => undefined);
}
