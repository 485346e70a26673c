/** The active notebook: attach it to a cluster, see and change the cluster, detach it. */

import { HTMLSelect, listIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useState } from 'react';
import type { ZoeProblem } from '../api/problem';
import type { IExecutionView } from '../api/types';
import type { INotebookInfo } from '../model/notebook';
import { attachable, attachmentOf, scalable, workersOf } from '../model/selectors';
import { reasonWords, shortReason } from '../model/words';
import { CommandIDs } from '../tokens';
import { useNotebook, useZoe, useZoeState } from './context';
import { Endpoints } from './executions';
import { Empty, IconButton, Phase, Section } from './parts';
import { ScaleControl } from './scale';

/** Shows what can be done for the active notebook. */
export function NotebookSection(): React.JSX.Element {
  const { trans } = useZoe();
  const notebook = useNotebook();
  return (
    <Section id="notebook" title={trans.__('This notebook')}>
      {notebook ? (
        <NotebookBody notebook={notebook} />
      ) : (
        <Empty>{trans.__('Open a notebook to connect it to a cluster.')}</Empty>
      )}
    </Section>
  );
}

function NotebookBody(props: { notebook: INotebookInfo }): React.JSX.Element {
  const { trans } = useZoe();
  const state = useZoeState();
  const { notebook } = props;
  const row = attachmentOf(state, notebook);
  const execution = row && state.executions.get(row.execution);
  return (
    <div className="jp-zoe-Notebook">
      <div className="jp-zoe-Notebook-name" title={notebook.path}>
        {notebook.name}
      </div>
      {execution ? <Attached notebook={notebook} execution={execution} /> : <Detached notebook={notebook} />}
      {notebook.task && (
        <div className="jp-zoe-Progress" role="status">
          <span className="jp-zoe-Spinner" />
          <span>
            {notebook.progress || (notebook.task === 'attach' ? trans.__('Attaching…') : trans.__('Detaching…'))}
          </span>
        </div>
      )}
      {notebook.problem && <Problem problem={notebook.problem} />}
    </div>
  );
}

function Problem(props: { problem: ZoeProblem }): React.JSX.Element {
  const { notebook, trans } = useZoe();
  return (
    <div className="jp-zoe-Problem" role="alert">
      <div className="jp-zoe-Problem-text">{props.problem.message}</div>
      {props.problem.remedy && <div>{props.problem.remedy}</div>}
      <button className="jp-zoe-Link" onClick={() => notebook.dismiss()}>
        {trans.__('Dismiss')}
      </button>
    </div>
  );
}

function Attached(props: { notebook: INotebookInfo; execution: IExecutionView }): React.JSX.Element {
  const { commands, trans } = useZoe();
  const { notebook, execution } = props;
  return (
    <>
      <div className="jp-zoe-Execution-state">
        <Phase execution={execution} />
        <span className="jp-zoe-Execution-actions">
          <IconButton
            icon={listIcon}
            label={trans.__('Logs of %1', execution.name)}
            disabled={execution.processes.length === 0}
            onClick={() => void commands.execute(CommandIDs.logs, { execution: execution.id })}
          />
        </span>
      </div>
      <div className="jp-zoe-Execution-title">{trans.__('attached to %1', execution.name)}</div>
      {execution.phase !== 'running' && execution.reason && !notebook.task && (
        <div className="jp-zoe-Execution-reason" title={reasonWords(execution)}>
          {shortReason(execution)}
        </div>
      )}
      {scalable(execution).map(group => (
        <ScaleControl key={`${execution.id}/${group.name}`} execution={execution} group={group} slider />
      ))}
      <Endpoints execution={execution} />
      <div className="jp-zoe-Notebook-buttons">
        <button
          className="jp-zoe-Button"
          disabled={notebook.task !== null}
          onClick={() => void commands.execute(CommandIDs.detach)}
        >
          {trans.__('Detach')}
        </button>
        <button
          className="jp-zoe-Button"
          title={trans.__('After a restart of the kernel: gives it a session of the cluster again')}
          disabled={notebook.task !== null || notebook.status !== 'idle'}
          onClick={() => void commands.execute(CommandIDs.reconnect)}
        >
          {trans.__('Reconnect')}
        </button>
      </div>
    </>
  );
}

function Detached(props: { notebook: INotebookInfo }): React.JSX.Element {
  const { commands, trans } = useZoe();
  const state = useZoeState();
  const { notebook } = props;
  const zapps = attachable(state, notebook.language);
  const [chosen, choose] = useState<string | null>(null);
  const zapp = zapps.find(item => item.name === chosen) ?? zapps.find(item => item.kind === 'engine') ?? zapps[0];
  const range = zapp ? workersOf(zapp) : null;
  const [typed, setTyped] = useState<string | null>(null); // as it stands in the field, which may be empty meanwhile
  useEffect(() => setTyped(null), [zapp?.name]);

  if (notebook.status === 'none' || notebook.status === 'dead') {
    return <Empty>{trans.__('This notebook has no kernel. Choose one to connect it to a cluster.')}</Empty>;
  }
  if (!zapp) {
    return state.loaded ? (
      <Empty>
        {notebook.language
          ? trans.__('Nothing in the shop can be attached to a %1 kernel.', notebook.language)
          : trans.__('Nothing in the shop can be attached to a notebook.')}
      </Empty>
    ) : (
      <Empty>{trans.__('The shop is not loaded yet.')}</Empty>
    );
  }
  const asked = Math.round(Number(typed));
  const count = range ? Math.min(range.maximum, Math.max(range.minimum, asked || range.initial)) : null;
  const ready = notebook.status === 'idle' && notebook.task === null;
  return (
    <form
      className="jp-zoe-Attach"
      onSubmit={event => {
        event.preventDefault();
        void commands.execute(CommandIDs.attach, { zapp: zapp.name, workers: count });
      }}
    >
      <label className="jp-zoe-Attach-field jp-zoe-mod-wide">
        <span>{trans.__('Application')}</span>
        <HTMLSelect
          value={zapp.name}
          onChange={event => choose(event.target.value)}
          aria-label={trans.__('Application')}
        >
          {zapps.map(item => (
            <option key={item.name} value={item.name}>
              {item.title}
            </option>
          ))}
        </HTMLSelect>
      </label>
      {range && count !== null && (
        <label className="jp-zoe-Attach-field">
          <span>{trans.__('Workers')}</span>
          <input
            className="jp-mod-styled"
            type="number"
            min={range.minimum}
            max={range.maximum}
            value={typed ?? String(count)}
            onChange={event => setTyped(event.target.value)}
            onBlur={() => setTyped(typed?.trim() ? String(count) : null)}
          />
        </label>
      )}
      <button className="jp-zoe-Button jp-zoe-mod-primary" type="submit" disabled={!ready}>
        {trans.__('Attach')}
      </button>
      {notebook.status === 'busy' && notebook.task === null && (
        <div className="jp-zoe-Hint">{trans.__('The kernel is busy. Attach when it is done, or interrupt it.')}</div>
      )}
      {notebook.status === 'starting' && <div className="jp-zoe-Hint">{trans.__('The kernel is starting.')}</div>}
    </form>
  );
}
