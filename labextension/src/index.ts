/** The extension: a list of plugins. */

import type { JupyterFrontEndPlugin } from '@jupyterlab/application';
import { commandsPlugin } from './plugins/commands';
import { launcherPlugin } from './plugins/launcher';
import { modelPlugin, notebookPlugin } from './plugins/model';
import { panelPlugin } from './plugins/panel';
import { tabsPlugin } from './plugins/tabs';

export { CommandIDs, INotebookLink, IZoeModel } from './tokens';

const plugins: JupyterFrontEndPlugin<unknown>[] = [
  modelPlugin,
  notebookPlugin,
  panelPlugin,
  commandsPlugin,
  tabsPlugin,
  launcherPlugin
];

export default plugins;
