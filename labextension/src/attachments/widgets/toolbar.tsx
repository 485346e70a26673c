/** The item of a notebook's toolbar: attaches it, or says what it is attached to and what can be done about that. */

import type { NotebookPanel } from '@jupyterlab/notebook';
import { ReactWidget, ToolbarButtonComponent } from '@jupyterlab/ui-components';
import type { Widget } from '@lumino/widgets';
import React from 'react';
import type { IKit } from '../../kit/widgets/context';
import { KitProvider, useFollowed, useKit } from '../../kit/widgets/context';
import { zoeIcon } from '../../kit/widgets/icons';
import type { ICatalog } from '../../shop/tokens';
import { attachable } from '../state';
import type { IOpenNotebook, IOpenNotebooks } from '../tokens';
import { AttachmentCommands } from '../tokens';
import { clusterWords, taskWords } from '../words';
import type { IClusterSource } from './cluster';
import { useCluster } from './cluster';
import { clusterMenu } from './menu';

/** What the items work with. */
export interface IToolbarProps extends IClusterSource {
  readonly catalog: ICatalog;
  readonly notebooks: IOpenNotebooks;
}

/** The item of one notebook. */
export function toolbarItem(kit: IKit, props: IToolbarProps, panel: NotebookPanel): Widget {
  const item = ReactWidget.create(
    <KitProvider value={kit}>
      <Item {...props} notebook={props.notebooks.of(panel)} />
    </KitProvider>
  );
  item.addClass('jp-zoe-ToolbarItem');
  return item;
}

function Item(props: IToolbarProps & { notebook: IOpenNotebook }): React.JSX.Element | null {
  const { commands, trans } = useKit();
  const info = useFollowed(props.notebook);
  const { zapps } = useFollowed(props.catalog);
  const cluster = useCluster(props, info);
  if (info.task) {
    return <ToolbarButtonComponent icon={zoeIcon} label={taskWords(info.task, trans)} enabled={false} />;
  }
  if (cluster) {
    const { execution } = cluster;
    return (
      <ToolbarButtonComponent
        icon={zoeIcon}
        label={clusterWords(execution, trans)}
        tooltip={trans.__('Attached to %1: scale, logs, pages, detach', execution.name)}
        aria-haspopup="menu"
        onClick={event => {
          if (event) {
            clusterMenu(commands, execution, event.currentTarget as HTMLElement);
          }
        }}
      />
    );
  }
  if (attachable(zapps, info.language).length === 0) {
    return null;
  }
  return (
    <ToolbarButtonComponent
      icon={zoeIcon}
      label={trans.__('Attach')}
      tooltip={trans.__('Connect this notebook to a cluster')}
      enabled={info.status === 'idle'}
      disabledTooltip={trans.__('The kernel is not free')}
      onClick={() => void commands.execute(AttachmentCommands.attach)}
    />
  );
}
