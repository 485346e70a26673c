/** The button on an execution's card that shows its logs. */

import { listIcon } from '@jupyterlab/ui-components';
import React from 'react';
import type { ICardPart } from '../../executions/tokens';
import { useKit } from '../../kit/widgets/context';
import { IconButton } from '../../kit/widgets/parts';
import { LogCommands } from '../tokens';

const LogButton: ICardPart['Part'] = ({ execution }) => {
  const { commands, trans } = useKit();
  return (
    <IconButton
      icon={listIcon}
      label={trans.__('Logs of %1', execution.name)}
      disabled={execution.processes.length === 0}
      onClick={() => void commands.execute(LogCommands.show, { execution: execution.id })}
    />
  );
};

export const logsPart: ICardPart = { id: 'logs', rank: 10, place: 'action', Part: LogButton };
