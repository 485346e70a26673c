/** The item of the status bar: what the active notebook is attached to. A click shows it in the panel. */

import type { IStatusBar } from '@jupyterlab/statusbar';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import React from 'react';
import { KitCommands } from '../../kit/tokens';
import type { IKit } from '../../kit/widgets/context';
import { KitProvider, useFollowed, useKit } from '../../kit/widgets/context';
import { zoeIcon } from '../../kit/widgets/icons';
import type { IOpenNotebooks } from '../tokens';
import { clusterWords, taskWords } from '../words';
import type { IClusterSource } from './cluster';
import { useCluster } from './cluster';
import { SECTION } from './section';

interface IClusterItemProps extends IClusterSource {
  readonly notebooks: IOpenNotebooks;
}

/** Adds the item; it is there while the active notebook is attached, or being attached. */
export function addStatusItem(kit: IKit, bar: IStatusBar, props: IClusterItemProps): void {
  const { executions, attachments, notebooks } = props;
  const activeStateChanged = new Signal<IOpenNotebooks, void>(notebooks);
  [executions, attachments, notebooks].forEach(({ changed }) => changed.connect(() => activeStateChanged.emit()));
  bar.registerStatusItem('jupyter-zoe:cluster', {
    item: ReactWidget.create(
      <KitProvider value={kit}>
        <Item {...props} />
      </KitProvider>
    ),
    align: 'left',
    rank: 100,
    isActive: () => {
      const info = notebooks.state;
      return info !== null && (info.task !== null || attachments.of(info) !== null);
    },
    activeStateChanged
  });
}

function Item(props: IClusterItemProps): React.JSX.Element | null {
  const { commands, trans } = useKit();
  const info = useFollowed(props.notebooks);
  const cluster = useCluster(props, info);
  const attached = cluster && clusterWords(cluster.execution, trans);
  const busy = attached && info?.status === 'busy' ? trans.__('%1 · busy', attached) : attached;
  const words = info?.task ? taskWords(info.task, trans) : busy;
  if (!info || !words) {
    return null;
  }
  return (
    <button
      className="jp-zoe-StatusItem jp-StatusBar-GroupItem jp-mod-highlighted"
      title={trans.__('%1 is attached to this cluster. Show it in the Zoe panel.', info.name)}
      onClick={() => void commands.execute(KitCommands.show, { section: SECTION })}
    >
      <zoeIcon.react tag="span" width="14px" height="14px" />
      <span className="jp-StatusBar-TextItem">{words}</span>
    </button>
  );
}
