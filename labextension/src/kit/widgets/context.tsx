/** What all components share, and how they follow the models. */

import type { JupyterFrontEnd } from '@jupyterlab/application';
import type { ITranslator, TranslationBundle } from '@jupyterlab/translation';
import { nullTranslator } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import React, { createContext, useContext, useEffect, useState, useSyncExternalStore } from 'react';
import { hubNow } from '../../api/hubTime';
import type { IFollowed } from '../model/store';

/** What a capability's plugin and all of its components work with. */
export interface IKit {
  readonly commands: CommandRegistry;
  readonly translator: ITranslator;
  /** Zoe's words in the reader's language. */
  readonly trans: TranslationBundle;
}

/** The kit of a plugin. */
export function kitOf(app: JupyterFrontEnd, translator: ITranslator | null): IKit {
  const used = translator ?? nullTranslator;
  return { commands: app.commands, translator: used, trans: used.load('jupyter_zoe') };
}

const Context = createContext<IKit | null>(null);

/** Gives the kit to everything inside. */
export function KitProvider(props: { value: IKit; children: React.ReactNode }): React.JSX.Element {
  return <Context.Provider value={props.value}>{props.children}</Context.Provider>;
}

/** The kit of a component. */
export function useKit(): IKit {
  const kit = useContext(Context);
  if (!kit) {
    throw new Error('A component of Zoe is outside of its kit.');
  }
  return kit;
}

/** The state of a model, drawn again when it changes. */
export function useFollowed<S>(model: IFollowed<S>): S {
  return useSyncExternalStore(
    notify => {
      model.changed.connect(notify);
      return () => void model.changed.disconnect(notify);
    },
    () => model.state
  );
}

/** The hub's time, for ages: without a request. Stands still while the page is hidden. */
export function useNow(milliseconds: number): number {
  const [now, setNow] = useState(() => hubNow());
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) {
        setNow(hubNow());
      }
    }, milliseconds);
    return () => clearInterval(timer);
  }, [milliseconds]);
  return now;
}
