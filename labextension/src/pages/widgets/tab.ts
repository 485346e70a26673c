/** A web page of a process in a tab. */

import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { IFrame, launchIcon, refreshIcon, Toolbar, ToolbarButton } from '@jupyterlab/ui-components';
import { zoeIcon } from '../../kit/widgets/icons';
import type { IWay } from '../opening';
import type { IPlace } from '../place';

const ALWAYS: IFrame.SandboxExceptions[] = [
  'allow-scripts',
  'allow-forms',
  'allow-downloads',
  'allow-popups',
  'allow-modals',
  'allow-pointer-lock'
];

/** What a tab is made of. */
export interface ITabOptions {
  place: IPlace;
  /** Its plain address, which finds a way by itself. */
  plain: string;
  /** Finds a way for one frame. */
  find: () => Promise<IWay>;
  /** Tells the user what went wrong. */
  report: (error: unknown) => void;
  trans: TranslationBundle;
}

/**
 * The tab of a page, empty until `load`.
 *
 * The frame keeps the page from navigating JupyterLab away. It gives the page an origin where that is another one than
 * JupyterLab's, or where the admin trusts the page; in the sandbox it gives none.
 */
export class PageTab extends MainAreaWidget<IFrame> {
  constructor({ place, plain, find, report, trans }: ITabOptions) {
    const content = new IFrame({ sandbox: ALWAYS, referrerPolicy: 'same-origin' });
    super({ content });
    this._find = find;
    content.addClass('jp-zoe-Endpoint');
    const title = trans.__('%1 of %2', place.title, place.name);
    content.node.querySelector('iframe')?.setAttribute('title', title);
    this.title.label = `${place.title}: ${place.name}`; // the end is cut off first
    this.title.caption = title;
    this.title.icon = zoeIcon;
    this.title.closable = true;
    this.toolbar.addItem(
      'reload',
      new ToolbarButton({
        icon: refreshIcon,
        tooltip: trans.__('Load the page again'),
        onClick: () => void this.load().catch(report)
      })
    );
    this.toolbar.addItem('spacer', Toolbar.createSpacerItem());
    this.toolbar.addItem(
      'browser',
      new ToolbarButton({
        icon: launchIcon,
        tooltip: trans.__('Open in a new browser tab'),
        onClick: () => void window.open(plain, '_blank', 'noopener')
      })
    );
  }

  /** Show the page from its beginning: the frame may have gone elsewhere, or its session may be over. */
  async load(): Promise<void> {
    const way = await this._find();
    if (!this.isDisposed) {
      this.content.sandbox = way.sandboxed ? ALWAYS : [...ALWAYS, 'allow-same-origin'];
      this.content.url = way.url;
    }
  }

  private readonly _find: () => Promise<IWay>;
}
