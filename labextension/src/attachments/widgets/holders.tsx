/** Who is attached to an execution, on its card; the active notebook stands above it anyway. */

import React from 'react';
import type { ICardPart } from '../../executions/tokens';
import { isEnded } from '../../kit/executions';
import { useFollowed, useKit } from '../../kit/widgets/context';
import type { IAttachments, IOpenNotebooks } from '../tokens';
import { holderWords } from '../words';

/** The line of a card. */
export function holdersPart(attachments: IAttachments, notebooks: IOpenNotebooks): ICardPart {
  const Holders: ICardPart['Part'] = ({ execution }) => {
    const { trans } = useKit();
    const { rows } = useFollowed(attachments);
    const active = useFollowed(notebooks);
    const here = rows.filter(row => row.execution === execution.id);
    const mine = active && attachments.of(active)?.id;
    const others = here.filter(row => row.id !== mine);
    if (isEnded(execution) || others.length === 0) {
      return null;
    }
    const words = others.map(row => holderWords(row, trans)).join(', ');
    return (
      <div className="jp-zoe-Hint" title={others.map(row => row.key).join('\n')}>
        {others.length < here.length ? trans.__('Also attached: %1', words) : trans.__('Attached: %1', words)}
      </div>
    );
  };
  return { id: 'holders', rank: 30, place: 'line', Part: Holders };
}
