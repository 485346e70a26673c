/** What executions themselves add to their cards: stop, and a control for each group that can grow. */

import { stopIcon } from '@jupyterlab/ui-components';
import React from 'react';
import { isEnded, scalable } from '../../kit/executions';
import type { IConnection } from '../../kit/tokens';
import { useKit } from '../../kit/widgets/context';
import { IconButton } from '../../kit/widgets/parts';
import type { ICardPart, IExecutions } from '../tokens';
import { ExecutionCommands } from '../tokens';
import { ScaleControl } from './scale';

/** Stops it while it runs. */
export const stopPart: ICardPart = {
  id: 'stop',
  rank: 100,
  place: 'action',
  Part: ({ execution }) => {
    const { commands, trans } = useKit();
    return isEnded(execution) ? null : (
      <IconButton
        icon={stopIcon}
        label={trans.__('Stop %1', execution.name)}
        danger
        disabled={execution.desired === 'ended'}
        onClick={() => void commands.execute(ExecutionCommands.stop, { execution: execution.id })}
      />
    );
  }
};

/** Makes its groups larger or smaller. */
export function scalePart(connection: IConnection, executions: IExecutions): ICardPart {
  return {
    id: 'scale',
    rank: 10,
    place: 'line',
    Part: ({ execution, roomy }) => (
      <>
        {!isEnded(execution) &&
          scalable(execution).map(group => (
            <ScaleControl
              key={group.name}
              execution={execution}
              group={group}
              slider={roomy}
              scale={count =>
                executions.scale(execution.id, group.name, count).catch((error: unknown) => connection.report(error))
              }
            />
          ))}
      </>
    )
  };
}
