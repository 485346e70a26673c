/** What other capabilities and extensions may ask of the shop. */

import { Token } from '@lumino/coreutils';
import type { IExecutionView, IFrameworkView, IWrongPlace, IZAppView } from '../api/types';
import type { IFollowed } from '../kit/model/store';

/** What the shop holds. */
export interface ICatalogState {
  readonly zapps: readonly IZAppView[];
  /** What ZApps are made of; none runs by itself. */
  readonly frameworks: readonly IFrameworkView[];
  /** Definitions that the hub could not read. */
  readonly definitions: readonly IWrongPlace[];
}

/** The ZApps that can be started. */
export interface ICatalog extends IFollowed<ICatalogState> {
  /** Start a ZApp. Rejects with a `ZoeProblem`. `key` makes a repeated request the same one. */
  start(zapp: string, parameters: Record<string, unknown>, name: string | null, key?: string): Promise<IExecutionView>;
}
export const ICatalog = new Token<ICatalog>('jupyter-zoe:ICatalog', 'The ZApps of the Zoe hub.');

export const ShopCommands = {
  /** `{zapp?: string}` */
  start: 'zoe:start'
} as const;
