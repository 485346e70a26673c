/** What other capabilities and extensions may ask of executions. */

import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';
import type { ComponentType } from 'react';
import type { IExecutionView } from '../api/types';
import type { Executions } from '../kit/executions';
import type { IRanked } from '../kit/model/ranked';
import type { IFollowed } from '../kit/model/store';

/** The executions that are known: all that have not ended, and the last ones that have. */
export interface IExecutions extends IFollowed<Executions> {
  /** An execution ended while this page looked on. */
  readonly ended: ISignal<IExecutions, IExecutionView>;
  /** An execution, read if it is not known. Rejects with a `ZoeProblem`. */
  find(id: string): Promise<IExecutionView>;
  /** Take in what the hub has answered elsewhere; an older version never replaces a newer one. */
  learn(...executions: readonly IExecutionView[]): void;
  /** Change how many processes a group has. Rejects with a `ZoeProblem`. */
  scale(execution: string, group: string, count: number): Promise<void>;
  /** End an execution; a protected one wants its name as `confirm`. Rejects with a `ZoeProblem`. */
  terminate(execution: string, confirm?: string): Promise<void>;
}
export const IExecutions = new Token<IExecutions>('jupyter-zoe:IExecutions', 'The executions of the Zoe hub.');

/** What a capability adds to the card of every execution; it shows nothing where it has nothing to say. */
export interface ICardPart extends IRanked {
  /** A button beside the state, or a line below it. */
  readonly place: 'action' | 'line';
  readonly Part: ComponentType<{ execution: IExecutionView; roomy: boolean }>;
}

/** How executions are shown. */
export interface IExecutionCards {
  /** The card of one execution. `roomy`: there is room for sliders. */
  readonly Card: ComponentType<{ execution: IExecutionView; roomy?: boolean }>;
  add(part: ICardPart): void;
  /** Say that a section shows this execution (null: none), so that the list leaves it out: each stands there once. */
  claim(section: string, execution: string | null): void;
}
export const IExecutionCards = new Token<IExecutionCards>(
  'jupyter-zoe:IExecutionCards',
  'The cards by which executions are shown in the panel.'
);

export const ExecutionCommands = {
  /** `{execution?: string}` */
  scale: 'zoe:scale',
  /** `{execution?: string}` */
  stop: 'zoe:stop'
} as const;
