/** The tab of a log: the viewer with its toolbar. */

import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { downloadIcon, HTMLSelect, ReactWidget, Toolbar, ToolbarButton, UseSignal } from '@jupyterlab/ui-components';
import React from 'react';
import { zoeIcon } from '../../kit/widgets/icons';
import type { LogModel } from '../model';
import { bottomIcon, wrapIcon } from './icons';
import { LogViewer } from './viewer';

/** A tab that shows a log. */
export type LogTab = MainAreaWidget<LogViewer>;

/** A new one. */
export function logTab(model: LogModel, trans: TranslationBundle): LogTab {
  const viewer = new LogViewer(model, trans);
  const tab = new MainAreaWidget({ content: viewer });
  tab.id = `jupyter-zoe-logs-${model.execution.id}`;
  tab.title.icon = zoeIcon;
  tab.title.closable = true;
  const button = (name: string, icon: typeof wrapIcon, tooltip: string, onClick: () => void): void => {
    tab.toolbar.addItem(name, new ToolbarButton({ icon, tooltip, onClick }));
  };
  tab.toolbar.addItem('process', ReactWidget.create(<Processes model={model} trans={trans} />));
  tab.toolbar.addItem('spacer', Toolbar.createSpacerItem());
  button('wrap', wrapIcon, trans.__('Break long lines'), () => viewer.toggleWrap());
  button('end', bottomIcon, trans.__('Go to the end and follow'), () => viewer.toEnd());
  button('download', downloadIcon, trans.__('Download the whole output'), () => viewer.download());
  return tab;
}

function Processes(props: { model: LogModel; trans: TranslationBundle }): React.JSX.Element {
  const { model, trans } = props;
  return (
    <UseSignal signal={model.changed}>
      {() => (
        <HTMLSelect
          className="jp-zoe-Logs-choice"
          aria-label={trans.__('Process')}
          value={model.process}
          onChange={event => {
            model.process = event.target.value;
          }}
        >
          {model.processes.length === 0 && <option value={model.process}>{model.process}</option>}
          {model.processes.map(process => (
            <option key={process.id} value={process.id}>
              {process.state === 'ended' ? trans.__('%1 (ended)', process.id) : process.id}
            </option>
          ))}
        </HTMLSelect>
      )}
    </UseSignal>
  );
}
