/** The side panel: the connection, and below it the sections of the capabilities. Made by the kit's plugin. */

import { ReactWidget, refreshIcon, SidePanel, ToolbarButton } from '@jupyterlab/ui-components';
import { Panel } from '@lumino/widgets';
import React from 'react';
import { Ranked } from '../model/ranked';
import type { IConnection, ISection } from '../tokens';
import { KitCommands } from '../tokens';
import type { IKit } from './context';
import { KitProvider, useFollowed, useKit } from './context';
import { zoeIcon } from './icons';
import { Problem, Progress } from './parts';
import { Folds, FoldsContext } from './section';

/** The panel. */
export class ZoePanel extends SidePanel {
  constructor(kit: IKit, connection: IConnection) {
    const content = new Panel();
    super({ content, translator: kit.translator });
    const { commands, trans } = kit;
    this.id = 'jupyter-zoe-panel';
    this.addClass('jp-zoe-Panel');
    this.title.icon = zoeIcon;
    this.title.caption = trans.__('Zoe: applications and clusters');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', trans.__('Zoe'));
    content.addWidget(
      ReactWidget.create(
        <KitProvider value={kit}>
          <FoldsContext.Provider value={this._folds}>
            <View connection={connection} sections={this.sections} />
          </FoldsContext.Provider>
        </KitProvider>
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
        onClick: () => void commands.execute(KitCommands.refresh)
      })
    );
  }

  readonly sections = new Ranked<ISection>();

  /** Unfold a section, scroll to it and put the keyboard's focus on its title. */
  unfold(section: string): void {
    this._folds.set(section, true);
    requestAnimationFrame(() => {
      const title = this.node.querySelector<HTMLElement>(`[data-section="${CSS.escape(section)}"] button`);
      title?.scrollIntoView({ block: 'nearest' });
      title?.focus({ preventScroll: true });
    });
  }

  private readonly _folds = new Folds();
}

function View(props: { connection: IConnection; sections: Ranked<ISection> }): React.JSX.Element {
  const { loaded } = useFollowed(props.connection);
  const sections = useFollowed(props.sections);
  return (
    <div className="jp-zoe-View">
      <Connection connection={props.connection} />
      {loaded && sections.map(({ id, Body }) => <Body key={id} />)}
    </div>
  );
}

function Connection(props: { connection: IConnection }): React.JSX.Element | null {
  const { commands, trans } = useKit();
  const { link, problem, note, loaded } = useFollowed(props.connection);
  if (link === 'away' && problem) {
    return (
      <Problem title={trans.__('The hub is away')} problem={problem}>
        <div className="jp-zoe-Hint">
          {loaded ? `${trans.__('What is shown may be old.')} ` : ''}
          {trans.__('The connection is tried again by itself.')}
        </div>
        <button className="jp-zoe-Link" onClick={() => void commands.execute(KitCommands.refresh)}>
          {trans.__('Try now')}
        </button>
      </Problem>
    );
  }
  return loaded ? null : <Progress>{note || trans.__('Connecting to the hub…')}</Progress>;
}
