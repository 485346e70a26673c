/** The state of an execution and its age, as a card shows them. */

import React from 'react';
import { hubNow } from '../../api/hubTime';
import type { IExecutionView } from '../../api/types';
import { readiness } from '../../kit/executions';
import { useKit, useNow } from '../../kit/widgets/context';
import { exitWords, phaseWords, span } from '../../kit/words/words';
import { look, lookIcon } from './icons';

/** Icon, word, how much is ready or how it ended. */
export function Phase(props: { execution: IExecutionView }): React.JSX.Element {
  const { trans } = useKit();
  const { execution } = props;
  const state = look(execution);
  const icon = lookIcon(state);
  const { ready, wanted } = readiness(execution);
  const details: string[] = [];
  if (execution.phase === 'ended') {
    if (execution.exit_code !== null && (execution.exit_code !== 0 || execution.ends)) {
      details.push(exitWords(execution.exit_code, trans));
    }
  } else if (execution.phase !== 'stopping' && wanted > 0) {
    details.push(trans.__('%1 of %2 ready', ready, wanted));
  }
  return (
    <span className="jp-zoe-Phase" data-look={state}>
      <icon.react tag="span" className="jp-zoe-Phase-icon" />
      <span className="jp-zoe-Phase-word">{phaseWords(execution, trans)}</span>
      {details.length > 0 && <span className="jp-zoe-Phase-detail">{details.join(', ')}</span>}
    </span>
  );
}

/** How long something runs, or how long ago it ended. */
export function Age(props: { execution: IExecutionView }): React.JSX.Element {
  const { trans } = useKit();
  const { created, ended } = props.execution;
  const young = hubNow() - Date.parse(created) < 60_000 && !ended;
  const now = useNow(young ? 1000 : 15_000);
  const title = ended ? trans.__('ended %1', when(ended)) : trans.__('started %1', when(created));
  return (
    <time className="jp-zoe-Age" dateTime={ended ?? created} title={title}>
      {ended ? trans.__('%1 ago', span(ended, now, trans)) : span(created, now, trans)}
    </time>
  );
}

function when(time: string): string {
  return new Date(time).toLocaleString();
}
