/** Links to the web pages of an execution, on its card. */

import { launchIcon } from '@jupyterlab/ui-components';
import React from 'react';
import type { ICardPart } from '../../executions/tokens';
import { isEnded } from '../../kit/executions';
import { useKit } from '../../kit/widgets/context';
import { shownEndpoints } from '../place';
import { PageCommands } from '../tokens';

const Links: ICardPart['Part'] = ({ execution }) => {
  const { commands, trans } = useKit();
  const shown = isEnded(execution) ? [] : shownEndpoints(execution);
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
          onClick={() => void commands.execute(PageCommands.open, { execution: execution.id, process, port })}
        >
          <launchIcon.react tag="span" width="14px" height="14px" />
          <span>{title || port}</span>
        </button>
      ))}
    </div>
  );
};

export const linksPart: ICardPart = { id: 'pages', rank: 20, place: 'line', Part: Links };
