/** That nobody uses an execution: since when, what follows, and a button that keeps it. */

import React from 'react';
import { hubNow } from '../../api/hubTime';
import type { IExecutionView } from '../../api/types';
import type { ICardPart } from '../../executions/tokens';
import { isEnded } from '../../kit/executions';
import { useKit, useNow } from '../../kit/widgets/context';
import { LeaseCommands } from '../tokens';
import type { IIdleWords } from '../words';
import { idleWords, secondsLeft } from '../words';

/** Below so many seconds the countdown is drawn every second. */
const CLOSE = 120;

/** What is told of an execution, drawn again as the time goes by. */
export function useIdleWords(execution: IExecutionView | null): IIdleWords | null {
  const { trans } = useKit();
  const idle = execution?.idle;
  const isClose = idle != null && secondsLeft(idle, hubNow()) < CLOSE;
  useNow(isClose ? 1000 : 15_000); // draws it again
  return execution && idleWords(execution, hubNow(), trans);
}

/** The button. */
export function KeepButton(props: { execution: IExecutionView }): React.JSX.Element {
  const { commands, trans } = useKit();
  const { id, name } = props.execution;
  return (
    <button
      className="jp-zoe-Button jp-zoe-mod-small"
      aria-label={trans.__('Keep %1', name)}
      title={commands.caption(LeaseCommands.keep)}
      onClick={() => void commands.execute(LeaseCommands.keep, { execution: id })}
    >
      {trans.__('Keep')}
    </button>
  );
}

const Idle: ICardPart['Part'] = ({ execution }) => {
  const { trans } = useKit();
  const words = useIdleWords(execution);
  if (isEnded(execution)) {
    return null;
  }
  if (words) {
    return (
      <div className="jp-zoe-Idle" data-soon={words.isSoon} title={words.long}>
        <span role="timer">{words.short}</span>
        <KeepButton execution={execution} />
      </div>
    );
  }
  const { kept_until } = execution;
  return kept_until !== null && Date.parse(kept_until) > hubNow() ? (
    <div className="jp-zoe-Hint">{trans.__('Kept until %1', moment(kept_until))}</div>
  ) : null;
};

function moment(time: string): string {
  return new Date(time).toLocaleString(undefined, { dateStyle: 'short', timeStyle: 'short' });
}

export const idlePart: ICardPart = { id: 'idle', rank: 5, place: 'line', Part: Idle };
