/** What all components of the panel share, and how they follow it. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React, { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import type { INotebookInfo } from '../model/notebook';
import type { IZoeState } from '../model/state';
import type { INotebookLink, IZoeModel } from '../tokens';

/** Handed to the panel by its plugin. */
export interface IZoeContext {
  readonly model: IZoeModel;
  readonly notebook: INotebookLink;
  readonly commands: CommandRegistry;
  readonly trans: TranslationBundle;
}

const Context = createContext<IZoeContext | null>(null);

/** Gives the context to everything inside. */
export function ZoeProvider(props: { value: IZoeContext; children: React.ReactNode }): React.JSX.Element {
  return <Context.Provider value={props.value}>{props.children}</Context.Provider>;
}

/** The context of a component. */
export function useZoe(): IZoeContext {
  const context = useContext(Context);
  if (!context) {
    throw new Error('A component of Zoe is outside of its panel.');
  }
  return context;
}

/** The state, drawn again when it changes. */
export function useZoeState(): IZoeState {
  const { model } = useZoe();
  return useSyncExternalStore(
    notify => {
      model.changed.connect(notify);
      return () => void model.changed.disconnect(notify);
    },
    () => model.state
  );
}

/** The active notebook, drawn again when something about it changes. */
export function useNotebook(): INotebookInfo | null {
  const { notebook } = useZoe();
  const [info, setInfo] = useState(notebook.current);
  useEffect(() => {
    const update = (): void => setInfo(notebook.current);
    update();
    notebook.changed.connect(update);
    return () => void notebook.changed.disconnect(update);
  }, [notebook]);
  return info;
}

/** The time, for ages: a clock of this page, no request. Stands still while the page is hidden. */
export function useNow(milliseconds: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) {
        setNow(Date.now());
      }
    }, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
  return now;
}
