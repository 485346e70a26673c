/** What other extensions may ask for, and the names of the commands. */

import { Token } from '@lumino/coreutils';
import type { IZoeModel as Model } from './model/model';
import type { INotebookLink as Link } from './model/notebook';

/** The executions, the shop and the connection to the hub. */
export type IZoeModel = Model;
export const IZoeModel = new Token<Model>('jupyter-zoe:IZoeModel', 'Executions, shop and events of the Zoe hub.');

/** The active notebook and what it is attached to. */
export type INotebookLink = Link;
export const INotebookLink = new Token<Link>(
  'jupyter-zoe:INotebookLink',
  'Attaches the active notebook to a Zoe execution.'
);

/** Commands; arguments may be left out, then the user is asked. */
export const CommandIDs = {
  /** `{zapp?: string}` */
  start: 'zoe:start',
  /** `{zapp?: string, workers?: number}` */
  attach: 'zoe:attach',
  /** Gives the kernel a session of the cluster that its notebook is attached to. */
  reconnect: 'zoe:reconnect',
  detach: 'zoe:detach',
  /** `{execution?: string}` */
  stop: 'zoe:stop',
  /** `{execution?: string, process?: string}` */
  logs: 'zoe:logs',
  /** `{execution?: string, process?: string, port?: string}` */
  openEndpoint: 'zoe:open-endpoint',
  refresh: 'zoe:refresh',
  show: 'zoe:show'
} as const;
