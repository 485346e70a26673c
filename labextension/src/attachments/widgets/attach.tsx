/** Chooses what the active notebook is attached to, and with how many workers. */

import { HTMLSelect } from '@jupyterlab/ui-components';
import React, { useEffect, useState } from 'react';
import type { IZAppView } from '../../api/types';
import { useKit } from '../../kit/widgets/context';
import { Empty } from '../../kit/widgets/parts';
import { attachable, workersOf } from '../state';
import type { INotebookInfo } from '../tokens';
import { AttachmentCommands } from '../tokens';

/** The form, or what is missing for it. */
export function AttachForm(props: {
  info: INotebookInfo;
  zapps: readonly IZAppView[];
  loaded: boolean;
}): React.JSX.Element {
  const { commands, trans } = useKit();
  const { info } = props;
  const zapps = attachable(props.zapps, info.language);
  const [chosen, choose] = useState<string | null>(null);
  const zapp = zapps.find(item => item.name === chosen) ?? zapps.find(item => item.kind === 'engine') ?? zapps[0];
  const range = zapp ? workersOf(zapp) : null;
  const [typed, setTyped] = useState<string | null>(null); // as it stands in the field, which may be empty meanwhile
  useEffect(() => setTyped(null), [zapp?.name]);

  if (info.status === 'none' || info.status === 'dead') {
    return <Empty>{trans.__('This notebook has no kernel. Choose one to connect it to a cluster.')}</Empty>;
  }
  if (!zapp) {
    return (
      <Empty>
        {!props.loaded
          ? trans.__('The shop is not loaded yet.')
          : info.language
            ? trans.__('Nothing in the shop can be attached to a %1 kernel.', info.language)
            : trans.__('Nothing in the shop can be attached to a notebook.')}
      </Empty>
    );
  }
  const asked = Math.round(Number(typed));
  const count = range ? Math.min(range.maximum, Math.max(range.minimum, asked || range.initial)) : null;
  const ready = info.status === 'idle' && info.task === null;
  return (
    <form
      className="jp-zoe-Attach"
      onSubmit={event => {
        event.preventDefault();
        void commands.execute(AttachmentCommands.attach, { zapp: zapp.name, workers: count });
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
      {info.status === 'busy' && info.task === null && (
        <div className="jp-zoe-Hint">{trans.__('The kernel is busy. Attach when it is done, or interrupt it.')}</div>
      )}
      {info.status === 'starting' && <div className="jp-zoe-Hint">{trans.__('The kernel is starting.')}</div>}
    </form>
  );
}
