/** A part of the panel that can be folded. */

import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import React, { createContext, useContext, useId } from 'react';
import { Store } from '../model/store';
import { useFollowed } from './context';
import { useKeptFocus } from './focus';

/** Which sections are open; remembered in this browser. */
export class Folds extends Store<ReadonlyMap<string, boolean>, { id: string; open: boolean }> {
  constructor() {
    super(new Map(), (known, { id, open }) => (known.get(id) === open ? known : new Map(known).set(id, open)));
  }

  isOpen(id: string, otherwise: boolean): boolean {
    return this.state.get(id) ?? (localStorage.getItem(place(id)) ?? String(otherwise)) === 'true';
  }

  set(id: string, open: boolean): void {
    localStorage.setItem(place(id), String(open));
    this.dispatch({ id, open });
  }
}

function place(id: string): string {
  return `jupyter-zoe:section:${id}`;
}

/** Made by the panel. */
export const FoldsContext = createContext(new Folds());

/** A section with its title; `count` stands behind it, `open` says whether it is unfolded at first. */
export function Section(props: {
  id: string;
  title: string;
  count?: number;
  open?: boolean;
  children: React.ReactNode;
}): React.JSX.Element {
  const folds = useContext(FoldsContext);
  useFollowed(folds);
  const open = folds.isOpen(props.id, props.open ?? true);
  const root = useKeptFocus<HTMLElement>();
  const label = useId();
  const body = useId();
  const caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section ref={root} className="jp-zoe-Section" data-section={props.id} aria-labelledby={label}>
      <h2 className="jp-zoe-Section-title">
        <button id={label} aria-expanded={open} aria-controls={body} onClick={() => folds.set(props.id, !open)}>
          <caret.react tag="span" width="16px" height="16px" />
          <span>{props.title}</span>
          {props.count ? <span className="jp-zoe-Section-count">{props.count}</span> : null}
        </button>
      </h2>
      <div id={body} className="jp-zoe-Section-body" hidden={!open}>
        {open && props.children}
      </div>
    </section>
  );
}
