/** The side panel: connection, active notebook, what runs, the shop, what has ended. Made by the panel's plugin. */

import { ReactWidget, refreshIcon, SidePanel, ToolbarButton } from '@jupyterlab/ui-components';
import type { ITranslator } from '@jupyterlab/translation';
import { Panel } from '@lumino/widgets';
import React from 'react';
import { CommandIDs } from '../tokens';
import type { IZoeContext } from './context';
import { useZoe, useZoeState, ZoeProvider } from './context';
import { EndedSection, RunningSection } from './executions';
import { zoeIcon } from './icons';
import { NotebookSection } from './notebook';
import { ShopSection } from './shop';

/** The panel. */
export class ZoePanel extends SidePanel {
  constructor(context: IZoeContext, translator: ITranslator) {
    const content = new Panel();
    super({ content, translator });
    const { commands, trans } = context;
    this.id = 'jupyter-zoe-panel';
    this.addClass('jp-zoe-Panel');
    this.title.icon = zoeIcon;
    this.title.caption = trans.__('Zoe: applications and clusters');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Zoe'));
    content.addWidget(
      ReactWidget.create(
        <ZoeProvider value={context}>
          <View />
        </ZoeProvider>
      )
    );
    const heading = ReactWidget.create(<h1 className="jp-zoe-Heading">{trans.__('Zoe')}</h1>);
    heading.addClass('jp-zoe-Heading-item');
    this.toolbar.addItem('heading', heading);
    this.toolbar.addItem(
      'refresh',
      new ToolbarButton({
        icon: refreshIcon,
        tooltip: trans.__('Read everything again'),
        onClick: () => void commands.execute(CommandIDs.refresh)
      })
    );
  }
}

function View(): React.JSX.Element {
  const { loaded } = useZoeState();
  return (
    <div className="jp-zoe-View">
      <Connection />
      {loaded && (
        <>
          <NotebookSection />
          <RunningSection />
          <ShopSection />
          <EndedSection />
        </>
      )}
    </div>
  );
}

function Connection(): React.JSX.Element | null {
  const { commands, trans } = useZoe();
  const { link, problem, note, loaded } = useZoeState();
  if (link === 'away') {
    return (
      <div className="jp-zoe-Problem" role="alert">
        <strong>{trans.__('The hub is away')}</strong>
        <div className="jp-zoe-Problem-text">{problem?.message}</div>
        {problem?.remedy && <div>{problem.remedy}</div>}
        <div className="jp-zoe-Hint">
          {loaded ? trans.__('What is shown may be old. ') : ''}
          {trans.__('The connection is tried again by itself.')}
        </div>
        <button className="jp-zoe-Link" onClick={() => void commands.execute(CommandIDs.refresh)}>
          {trans.__('Try now')}
        </button>
      </div>
    );
  }
  if (!loaded) {
    return (
      <div className="jp-zoe-Progress" role="status">
        <span className="jp-zoe-Spinner" />
        <span>{note || trans.__('Connecting to the hub…')}</span>
      </div>
    );
  }
  return null;
}
