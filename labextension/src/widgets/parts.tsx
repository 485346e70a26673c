/** Small pieces that several components use. */

import type { LabIcon } from '@jupyterlab/ui-components';
import { Button, caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import React, { useId, useState } from 'react';
import type { IExecutionView } from '../api/types';
import { readiness } from '../model/selectors';
import { exitWords, phaseWords, span } from '../model/words';
import { useNow, useZoe } from './context';
import { look, lookIcon } from './icons';

/** A button that is an icon; its label is read out and shown on hover. */
export function IconButton(props: {
  icon: LabIcon;
  label: string;
  onClick: () => void;
  disabled?: boolean;
  danger?: boolean;
}): React.JSX.Element {
  return (
    <Button
      minimal
      small
      className={`jp-zoe-IconButton${props.danger ? ' jp-zoe-mod-danger' : ''}`}
      aria-label={props.label}
      title={props.label}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <props.icon.react tag="span" width="16px" height="16px" />
    </Button>
  );
}

/** A part of the panel that can be folded; whether it is open is remembered in this browser. */
export function Section(props: {
  id: string;
  title: string;
  count?: number;
  open?: boolean;
  children: React.ReactNode;
}): React.JSX.Element {
  const key = `jupyter-zoe:section:${props.id}`;
  const [open, setOpen] = useState(() => (localStorage.getItem(key) ?? String(props.open ?? true)) === 'true');
  const label = useId();
  const body = useId();
  const toggle = (): void => {
    localStorage.setItem(key, String(!open));
    setOpen(!open);
  };
  const caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section className="jp-zoe-Section" data-section={props.id} aria-labelledby={label}>
      <h2 className="jp-zoe-Section-title">
        <button id={label} aria-expanded={open} aria-controls={body} onClick={toggle}>
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

/** The state of an execution: icon, word, how much is ready or how it ended. */
export function Phase(props: { execution: IExecutionView }): React.JSX.Element {
  const { trans } = useZoe();
  const { execution } = props;
  const state = look(execution);
  const icon = lookIcon(state);
  const { ready, wanted } = readiness(execution);
  const details: string[] = [];
  if (execution.phase === 'ended') {
    if (execution.exit_code !== null && (execution.exit_code !== 0 || execution.ends)) {
      details.push(exitWords(execution.exit_code, trans));
    }
  } else if (execution.phase !== 'stopping' && wanted > 0) {
    details.push(trans.__('%1 of %2 ready', ready, wanted));
  }
  return (
    <span className="jp-zoe-Phase" data-look={state}>
      <icon.react tag="span" className="jp-zoe-Phase-icon" />
      <span className="jp-zoe-Phase-word">{phaseWords(execution, trans)}</span>
      {details.length > 0 && <span className="jp-zoe-Phase-detail">{details.join(', ')}</span>}
    </span>
  );
}

/** How long something runs, or how long ago it ended. */
export function Age(props: { execution: IExecutionView }): React.JSX.Element {
  const { trans } = useZoe();
  const { created, ended } = props.execution;
  const young = Date.now() - Date.parse(created) < 60_000 && !ended;
  const now = useNow(young ? 1000 : 15_000);
  const title = ended ? trans.__('ended %1', when(ended)) : trans.__('started %1', when(created));
  return (
    <time className="jp-zoe-Age" dateTime={ended ?? created} title={title}>
      {ended ? trans.__('%1 ago', span(ended, now, trans)) : span(created, now, trans)}
    </time>
  );
}

function when(time: string): string {
  return new Date(time).toLocaleString();
}

/** What to do where there is nothing to show. */
export function Empty(props: { children: React.ReactNode }): React.JSX.Element {
  return <p className="jp-zoe-Empty">{props.children}</p>;
}
