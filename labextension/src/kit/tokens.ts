/** What every capability builds on: the connection to the hub and the side panel. Others may ask for it by token. */

import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { ComponentType } from 'react';
import type { ZoeClient } from '../api/client';
import type { ZoeProblem } from '../api/problem';
import type { IEventView } from '../api/types';
import type { ILinkState } from './model/link';
import type { IRanked } from './model/ranked';
import type { IFollowed } from './model/store';

/** The part of what the hub knows that one capability shows, and how it stays fresh. */
export interface IFeed {
  /**
   * Read all of it. What is returned puts it into the capability's state, and is called when all feeds were read, so
   * that what is shown together is of the same moment. Rejects if the hub gave no answer.
   */
  load(signal: AbortSignal): Promise<() => void>;
  /** Names of what an event has made old. */
  outdated(event: IEventView): Iterable<string>;
  /** Read one of these again. Rejects if the hub gave no answer; then everything is read again later. */
  refresh(name: string): Promise<void>;
}

/** The connection to the hub: owns the network. */
export interface IConnection extends IFollowed<ILinkState> {
  /** Calls operations; for the models of capabilities, never for widgets. */
  readonly client: ZoeClient;
  /** Something that was asked for failed. */
  readonly failed: ISignal<IConnection, ZoeProblem>;
  /** Keep something fresh, from now on. */
  follow(feed: IFeed): void;
  /** Read everything again, at once. */
  refresh(): void;
  /** Tell the user about a problem. */
  report(error: unknown): void;
}
export const IConnection = new Token<IConnection>('jupyter-zoe:IConnection', 'The connection to the Zoe hub.');

/** A section of the panel. Its component shows a `Section` of the kit with the same id. */
export interface ISection extends IRanked {
  readonly Body: ComponentType;
}

/** The side panel. */
export interface IZoePanel {
  add(section: ISection): void;
  /** Show the panel; with a section: unfold it, scroll to it and put the keyboard's focus on its title. */
  reveal(section?: string): void;
}
export const IZoePanel = new Token<IZoePanel>(
  'jupyter-zoe:IZoePanel',
  'The side panel of Zoe, a section a capability.'
);

export const KitCommands = {
  refresh: 'zoe:refresh',
  /** `{section?: string}` */
  show: 'zoe:show'
} as const;
