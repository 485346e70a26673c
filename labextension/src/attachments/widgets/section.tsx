/** The active notebook in the panel: attach it to a cluster, see and change the cluster, detach it. */

import { notebookIcon } from '@jupyterlab/ui-components';
import React from 'react';
import type { IExecutionCards } from '../../executions/tokens';
import { useFollowed, useKit } from '../../kit/widgets/context';
import { Empty, Problem, Progress } from '../../kit/widgets/parts';
import { Section } from '../../kit/widgets/section';
import type { IConnection } from '../../kit/tokens';
import type { ICatalog } from '../../shop/tokens';
import type { INotebookInfo, IOpenNotebooks } from '../tokens';
import { AttachmentCommands } from '../tokens';
import { taskWords } from '../words';
import { AttachForm } from './attach';
import type { IClusterSource } from './cluster';
import { useCluster } from './cluster';

/** The section's id. */
export const SECTION = 'notebook';

/** What the section works with. */
export interface ISectionProps extends IClusterSource {
  readonly connection: IConnection;
  readonly cards: IExecutionCards;
  readonly catalog: ICatalog;
  readonly notebooks: IOpenNotebooks;
}

/** Shows what can be done for the active notebook. */
export function NotebookSection(props: ISectionProps): React.JSX.Element {
  const { trans } = useKit();
  const info = useFollowed(props.notebooks);
  return (
    <Section id={SECTION} title={trans.__('This notebook')}>
      {info ? (
        <Body key={info.path} {...props} info={info} />
      ) : (
        <Empty>{trans.__('Open a notebook to connect it to a cluster.')}</Empty>
      )}
    </Section>
  );
}

function Body(props: ISectionProps & { info: INotebookInfo }): React.JSX.Element {
  const { trans } = useKit();
  const { info, notebooks, cards } = props;
  const { zapps } = useFollowed(props.catalog);
  const { loaded } = useFollowed(props.connection);
  const cluster = useCluster(props, info);
  return (
    <div className="jp-zoe-Notebook">
      <div className="jp-zoe-Notebook-name" title={info.path}>
        <notebookIcon.react tag="span" width="14px" height="14px" />
        <span>{info.name}</span>
      </div>
      {cluster ? (
        <>
          <cards.Card key={cluster.execution.id} execution={cluster.execution} roomy />
          <Buttons info={info} />
        </>
      ) : (
        <AttachForm info={info} zapps={zapps} loaded={loaded} />
      )}
      {info.task && <Task task={info.task} />}
      {info.problem && (
        <Problem problem={info.problem}>
          <button className="jp-zoe-Link" onClick={() => notebooks.current?.dismiss()}>
            {trans.__('Dismiss')}
          </button>
        </Problem>
      )}
    </div>
  );
}

function Task(props: { task: NonNullable<INotebookInfo['task']> }): React.JSX.Element {
  const { trans } = useKit();
  const { report } = props.task;
  return (
    <Progress share={report?.share ?? null} title={report?.message}>
      {taskWords(props.task, trans)}
      {report?.seconds != null && ` (${trans.__('%1 s', Math.floor(report.seconds))})`}
    </Progress>
  );
}

function Buttons(props: { info: INotebookInfo }): React.JSX.Element {
  const { commands, trans } = useKit();
  const { info } = props;
  return (
    <div className="jp-zoe-Notebook-buttons">
      <button
        className="jp-zoe-Button"
        disabled={info.task !== null}
        onClick={() => void commands.execute(AttachmentCommands.detach)}
      >
        {trans.__('Detach')}
      </button>
      <button
        className="jp-zoe-Button"
        title={trans.__('After a restart of the kernel: gives it a session of the cluster again')}
        disabled={info.task !== null || info.status !== 'idle'}
        onClick={() => void commands.execute(AttachmentCommands.reconnect)}
      >
        {trans.__('Reconnect')}
      </button>
    </div>
  );
}
