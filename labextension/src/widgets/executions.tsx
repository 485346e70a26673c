/** The executions that run, and the last ones that ended. */

import { launchIcon, listIcon, stopIcon } from '@jupyterlab/ui-components';
import React from 'react';
import type { IExecutionView } from '../api/types';
import { ended, running, scalable } from '../model/selectors';
import { reasonWords, shortReason } from '../model/words';
import { CommandIDs } from '../tokens';
import { useZoe, useZoeState } from './context';
import { Age, Empty, IconButton, Phase, Section } from './parts';
import { ScaleControl } from './scale';

/** Executions that have not ended. */
export function RunningSection(): React.JSX.Element {
  const { trans } = useZoe();
  const state = useZoeState();
  const items = running(state);
  return (
    <Section id="running" title={trans.__('Running')} count={items.length}>
      {items.length === 0 ? (
        <Empty>{trans.__('Nothing runs. Start an application from the shop below.')}</Empty>
      ) : (
        <ul className="jp-zoe-List">
          {items.map(execution => (
            <ExecutionRow key={execution.id} execution={execution} />
          ))}
        </ul>
      )}
    </Section>
  );
}

/** The last executions that ended; their logs stay. */
export function EndedSection(): React.JSX.Element {
  const { trans } = useZoe();
  const items = ended(useZoeState());
  return (
    <Section id="ended" title={trans.__('Ended')} count={items.length} open={false}>
      {items.length === 0 ? (
        <Empty>{trans.__('What has ended is listed here, with its result and its logs.')}</Empty>
      ) : (
        <ul className="jp-zoe-List">
          {items.map(execution => (
            <ExecutionRow key={execution.id} execution={execution} />
          ))}
        </ul>
      )}
    </Section>
  );
}

function ExecutionRow(props: { execution: IExecutionView }): React.JSX.Element {
  const { execution } = props;
  const over = execution.phase === 'ended';
  // The plain case needs no words: everything that is wanted runs, or the job did its work.
  const plain = (execution.phase === 'running' && allReady(execution)) || execution.outcome === 'completed';
  return (
    <li className="jp-zoe-Execution" data-execution={execution.id} data-phase={execution.phase}>
      <div className="jp-zoe-Execution-head">
        <span className="jp-zoe-Execution-name" title={`${execution.name} (${execution.id})`}>
          {execution.name}
        </span>
        <Age execution={execution} />
      </div>
      <div className="jp-zoe-Execution-title" title={execution.zapp}>
        {execution.title}
      </div>
      <div className="jp-zoe-Execution-state">
        <Phase execution={execution} />
        <span className="jp-zoe-Execution-actions">
          <ExecutionActions execution={execution} />
        </span>
      </div>
      {!plain && execution.reason && (
        <div className="jp-zoe-Execution-reason" title={reasonWords(execution)}>
          {shortReason(execution)}
        </div>
      )}
      {!over && scalable(execution).map(group => <ScaleControl key={group.name} execution={execution} group={group} />)}
      {!over && <Endpoints execution={execution} />}
    </li>
  );
}

/** Logs, and stop while it runs. */
export function ExecutionActions(props: { execution: IExecutionView }): React.JSX.Element {
  const { commands, trans } = useZoe();
  const { execution } = props;
  return (
    <>
      <IconButton
        icon={listIcon}
        label={trans.__('Logs of %1', execution.name)}
        disabled={execution.processes.length === 0}
        onClick={() => void commands.execute(CommandIDs.logs, { execution: execution.id })}
      />
      {execution.phase !== 'ended' && (
        <IconButton
          icon={stopIcon}
          label={trans.__('Stop %1', execution.name)}
          danger
          disabled={execution.desired === 'ended'}
          onClick={() => void commands.execute(CommandIDs.stop, { execution: execution.id })}
        />
      )}
    </>
  );
}

/** The web pages of an execution that are for people. */
export function Endpoints(props: { execution: IExecutionView }): React.JSX.Element | null {
  const { commands, trans } = useZoe();
  const { execution } = props;
  const shown = execution.endpoints.filter(endpoint => endpoint.show);
  if (shown.length === 0) {
    return null;
  }
  return (
    <div className="jp-zoe-Endpoints">
      {shown.map(({ process, port, title, ready }) => (
        <button
          key={`${process}/${port}`}
          className="jp-zoe-Link"
          disabled={!ready}
          title={ready ? trans.__('Open in a tab') : trans.__('Not ready yet')}
          onClick={() => void commands.execute(CommandIDs.openEndpoint, { execution: execution.id, process, port })}
        >
          <launchIcon.react tag="span" width="14px" height="14px" />
          <span>{title || port}</span>
        </button>
      ))}
    </div>
  );
}

function allReady(execution: IExecutionView): boolean {
  return execution.groups.every(group => group.ready >= group.count);
}
