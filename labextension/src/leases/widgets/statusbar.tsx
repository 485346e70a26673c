/** The item of the status bar: when the active notebook's cluster is made smaller or ended, and a button against it. */

import type { IStatusBar } from '@jupyterlab/statusbar';
import { ReactWidget } from '@jupyterlab/ui-components';
import { Signal } from '@lumino/signaling';
import React from 'react';
import type { IExecutionView } from '../../api/types';
import type { IAttachments, IOpenNotebooks } from '../../attachments/tokens';
import type { IExecutions } from '../../executions/tokens';
import type { IKit } from '../../kit/widgets/context';
import { KitProvider, useFollowed } from '../../kit/widgets/context';
import { KeepButton, useIdleWords } from './idle';

interface IIdleItemProps {
  readonly executions: IExecutions;
  readonly attachments: IAttachments;
  readonly notebooks: IOpenNotebooks;
}

/** Adds the item; it is there while nobody uses the cluster of the active notebook. */
export function addStatusItem(kit: IKit, bar: IStatusBar, props: IIdleItemProps): void {
  const { executions, attachments, notebooks } = props;
  const activeStateChanged = new Signal<IOpenNotebooks, void>(notebooks);
  [executions, attachments, notebooks].forEach(({ changed }) => changed.connect(() => activeStateChanged.emit()));
  bar.registerStatusItem('jupyter-zoe:idle', {
    item: ReactWidget.create(
      <KitProvider value={kit}>
        <Item {...props} />
      </KitProvider>
    ),
    align: 'left',
    rank: 101,
    isActive: () => unused(props) !== null,
    activeStateChanged
  });
}

/** The cluster of the active notebook, if nobody uses it. */
function unused({ executions, attachments, notebooks }: IIdleItemProps): IExecutionView | null {
  const row = notebooks.state && attachments.of(notebooks.state);
  const execution = row && executions.state.get(row.execution);
  return execution?.idle ? execution : null;
}

function Item(props: IIdleItemProps): React.JSX.Element | null {
  useFollowed(props.executions);
  useFollowed(props.attachments);
  useFollowed(props.notebooks);
  const execution = unused(props);
  const words = useIdleWords(execution);
  return execution && words ? (
    <div className="jp-zoe-Idle jp-StatusBar-GroupItem" data-soon={words.isSoon} title={words.long}>
      <span className="jp-StatusBar-TextItem" role="timer">
        {words.short}
      </span>
      <KeepButton execution={execution} />
    </div>
  ) : null;
}
