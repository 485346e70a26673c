/** The executions that run, and the last ones that ended. */

import React from 'react';
import type { IExecutionView } from '../../api/types';
import { ended, running } from '../../kit/executions';
import { useFollowed, useKit } from '../../kit/widgets/context';
import { Empty } from '../../kit/widgets/parts';
import { Section } from '../../kit/widgets/section';
import type { IExecutions } from '../tokens';
import type { ExecutionCards } from './card';

interface IListProps {
  executions: IExecutions;
  cards: ExecutionCards;
}

/** Executions that have not ended, without those that other sections show. */
export function RunningSection(props: IListProps): React.JSX.Element {
  const { trans } = useKit();
  const all = running(useFollowed(props.executions));
  const claimed = [...useFollowed(props.cards.claims).values()];
  const items = all.filter(({ id }) => !claimed.includes(id));
  return (
    <Section id="running" title={trans.__('Running')} count={items.length}>
      {items.length > 0 ? (
        <List items={items} cards={props.cards} />
      ) : (
        <Empty>
          {all.length > 0
            ? trans.__('Nothing else runs.')
            : trans.__('Nothing runs. Start an application from the shop below.')}
        </Empty>
      )}
    </Section>
  );
}

/** The last executions that ended; their logs stay. */
export function EndedSection(props: IListProps): React.JSX.Element {
  const { trans } = useKit();
  const items = ended(useFollowed(props.executions));
  return (
    <Section id="ended" title={trans.__('Ended')} count={items.length} open={false}>
      {items.length > 0 ? (
        <List items={items} cards={props.cards} />
      ) : (
        <Empty>{trans.__('What has ended is listed here, with its result and its logs.')}</Empty>
      )}
    </Section>
  );
}

function List(props: { items: readonly IExecutionView[]; cards: ExecutionCards }): React.JSX.Element {
  const { Card } = props.cards;
  return (
    <ul className="jp-zoe-List">
      {props.items.map(execution => (
        <li key={execution.id}>
          <Card execution={execution} />
        </li>
      ))}
    </ul>
  );
}
