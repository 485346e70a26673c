/** State that a pure reducer replaces and others follow. Every capability's model holds one. */

import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

/** Something with a state that others follow. */
export interface IFollowed<S> {
  /** The present state; replaced, never changed. */
  readonly state: S;
  /** The state was replaced. */
  readonly changed: ISignal<unknown, S>;
}

/** See the module. */
export class Store<S, A> implements IFollowed<S> {
  constructor(
    private _state: S,
    private readonly _reduce: (state: S, action: A) => S
  ) {}

  get state(): S {
    return this._state;
  }

  get changed(): ISignal<this, S> {
    return this._changed;
  }

  /** Do this to the state. A reducer that returns the same object has changed nothing, and nobody is told. */
  dispatch(action: A): void {
    const next = this._reduce(this._state, action);
    if (next !== this._state) {
      this._state = next;
      this._changed.emit(next);
    }
  }

  private readonly _changed = new Signal<this, S>(this);
}
