/** A web page of a process in a tab. */

import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { IFrame, launchIcon, refreshIcon, Toolbar, ToolbarButton } from '@jupyterlab/ui-components';
import { zoeIcon } from '../../kit/widgets/icons';
import type { IPlace } from '../place';
import { endpointUrl } from '../place';

/**
 * The tab of an endpoint.
 *
 * The page has the origin of JupyterLab, since it comes through the same server, so the frame may not be trusted to
 * hold
 * a hostile page: it keeps an application from navigating JupyterLab away, not from more. What runs there is the user's
 * own.
 */
export function endpointTab(place: IPlace, webPrefix: string, trans: TranslationBundle): MainAreaWidget<IFrame> {
  const url = endpointUrl(place.path, webPrefix);
  const content = new IFrame({
    sandbox: ['allow-scripts', 'allow-same-origin', 'allow-forms', 'allow-downloads', 'allow-popups', 'allow-modals'],
    referrerPolicy: 'same-origin'
  });
  content.url = url;
  content.addClass('jp-zoe-Endpoint');
  const frame = content.node.querySelector('iframe');
  const title = trans.__('%1 of %2', place.title, place.name);
  frame?.setAttribute('title', title);
  const tab = new MainAreaWidget({ content });
  tab.title.label = `${place.title}: ${place.name}`; // the end is cut off first
  tab.title.caption = title;
  tab.title.icon = zoeIcon;
  tab.title.closable = true;
  const reload = (): void => {
    // Set the address anew rather than reload: the frame may have gone elsewhere.
    content.url = url;
  };
  tab.toolbar.addItem(
    'reload',
    new ToolbarButton({ icon: refreshIcon, tooltip: trans.__('Load the page again'), onClick: reload })
  );
  tab.toolbar.addItem('spacer', Toolbar.createSpacerItem());
  tab.toolbar.addItem(
    'browser',
    new ToolbarButton({
      icon: launchIcon,
      tooltip: trans.__('Open in a new browser tab'),
      onClick: () => void window.open(url, '_blank', 'noopener')
    })
  );
  return tab;
}
