/** The active notebook in the panel: attach it to a cluster, see and change the cluster, detach it. */

import React from 'react';
import type { IExecutionCards, IExecutions } from '../../executions/tokens';
import { useFollowed, useKit } from '../../kit/widgets/context';
import { Empty, Problem, Progress } from '../../kit/widgets/parts';
import { Section } from '../../kit/widgets/section';
import type { IConnection } from '../../kit/tokens';
import type { ICatalog } from '../../shop/tokens';
import type { IAttachments, INotebookInfo, INotebookLink } from '../tokens';
import { AttachmentCommands } from '../tokens';
import { AttachForm } from './attach';
import { useNotebook } from './follow';

/** What the section works with. */
export interface ISectionProps {
  readonly connection: IConnection;
  readonly executions: IExecutions;
  readonly cards: IExecutionCards;
  readonly catalog: ICatalog;
  readonly attachments: IAttachments;
  readonly notebook: INotebookLink;
}

/** Shows what can be done for the active notebook. */
export function NotebookSection(props: ISectionProps): React.JSX.Element {
  const { trans } = useKit();
  const info = useNotebook(props.notebook);
  return (
    <Section id="notebook" title={trans.__('This notebook')}>
      {info ? (
        <Body {...props} info={info} />
      ) : (
        <Empty>{trans.__('Open a notebook to connect it to a cluster.')}</Empty>
      )}
    </Section>
  );
}

function Body(props: ISectionProps & { info: INotebookInfo }): React.JSX.Element {
  const { trans } = useKit();
  const { info, notebook, attachments, cards } = props;
  const executions = useFollowed(props.executions);
  const { zapps } = useFollowed(props.catalog);
  const { loaded } = useFollowed(props.connection);
  useFollowed(attachments);
  const row = attachments.of(info);
  const execution = row && executions.get(row.execution);
  return (
    <div className="jp-zoe-Notebook">
      <div className="jp-zoe-Notebook-name" title={info.path}>
        {info.name}
      </div>
      {execution ? (
        <>
          <div className="jp-zoe-Execution-title">{trans.__('attached to %1', execution.name)}</div>
          <cards.Card key={execution.id} execution={execution} roomy />
          <Buttons info={info} />
        </>
      ) : (
        <AttachForm info={info} zapps={zapps} loaded={loaded} />
      )}
      {info.task && (
        <Progress>
          {info.progress || (info.task === 'attach' ? trans.__('Attaching…') : trans.__('Detaching…'))}
        </Progress>
      )}
      {info.problem && (
        <Problem problem={info.problem}>
          <button className="jp-zoe-Link" onClick={() => notebook.dismiss()}>
            {trans.__('Dismiss')}
          </button>
        </Problem>
      )}
    </div>
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
