/** The card of an execution: its name, its state, and what the capabilities add to it. */

import React from 'react';
import type { IExecutionView } from '../../api/types';
import { Ranked } from '../../kit/model/ranked';
import { Store } from '../../kit/model/store';
import { useFollowed, useKit } from '../../kit/widgets/context';
import { reasonLines } from '../../kit/words/reasons';
import type { ICardPart, IExecutionCards } from '../tokens';
import { Age, Phase } from './state';

/** Lines of a program's output that a card shows with the reason; the last of them mostly tell why. */
const SHOWN = 2;

type Claims = ReadonlyMap<string, string>;

/** See `IExecutionCards`. */
export class ExecutionCards implements IExecutionCards {
  readonly parts = new Ranked<ICardPart>();

  /** The execution that each section shows. */
  readonly claims = new Store<Claims, { section: string; execution: string | null }>(new Map(), reduceClaims);

  readonly Card = (props: { execution: IExecutionView; roomy?: boolean }): React.JSX.Element => (
    <Card {...props} room={this.parts} />
  );

  add(part: ICardPart): void {
    this.parts.add(part);
  }

  claim(section: string, execution: string | null): void {
    this.claims.dispatch({ section, execution });
  }
}

function reduceClaims(claims: Claims, { section, execution }: { section: string; execution: string | null }): Claims {
  if ((claims.get(section) ?? null) === execution) {
    return claims;
  }
  const next = new Map(claims);
  if (execution === null) {
    next.delete(section);
  } else {
    next.set(section, execution);
  }
  return next;
}

function Card(props: { execution: IExecutionView; roomy?: boolean; room: Ranked<ICardPart> }): React.JSX.Element {
  const { execution, roomy = false } = props;
  const parts = useFollowed(props.room);
  const { trans } = useKit();
  // The plain case needs no words: everything that is wanted runs, or the job did its work.
  const plain = (execution.phase === 'running' && allReady(execution)) || execution.outcome === 'completed';
  const show = (place: ICardPart['place']): React.ReactNode =>
    parts
      .filter(part => part.place === place)
      .map(({ id, Part }) => <Part key={id} execution={execution} roomy={roomy} />);
  return (
    <div
      className={`jp-zoe-Execution${roomy ? ' jp-zoe-mod-roomy' : ''}`}
      data-execution={execution.id}
      data-phase={execution.phase}
    >
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
        <span className="jp-zoe-Execution-actions">{show('action')}</span>
      </div>
      {!plain && (
        <div className="jp-zoe-Execution-reason" title={reasonLines(execution.reason, trans)}>
          {reasonLines(execution.reason, trans, SHOWN)}
        </div>
      )}
      {show('line')}
    </div>
  );
}

function allReady(execution: IExecutionView): boolean {
  return execution.groups.every(group => group.ready >= group.count);
}
