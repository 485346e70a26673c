/** Small pieces that components of several capabilities use. */

import type { LabIcon } from '@jupyterlab/ui-components';
import { Button } from '@jupyterlab/ui-components';
import React from 'react';
import type { ZoeProblem } from '../../api/problem';
import { problemWords } from '../words/problems';
import { useKit } from './context';

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

/** What to do where there is nothing to show. */
export function Empty(props: { children: React.ReactNode }): React.JSX.Element {
  return <p className="jp-zoe-Empty">{props.children}</p>;
}

/** That something is being done; with a share (0 to 1), how far it is. */
export function Progress(props: {
  children: React.ReactNode;
  share?: number | null;
  title?: string | undefined;
}): React.JSX.Element {
  return (
    <div className="jp-zoe-Progress" role="status" title={props.title}>
      <span className="jp-zoe-Spinner" />
      <span>{props.children}</span>
      {props.share != null && <progress className="jp-zoe-Progress-bar" max={1} value={props.share} />}
    </div>
  );
}

/** What went wrong and what to do about it; inside: what else there is to say, and what can be clicked. */
export function Problem(props: { problem: ZoeProblem; title?: string; children?: React.ReactNode }): React.JSX.Element {
  const { message, remedy } = problemWords(props.problem, useKit().trans);
  return (
    <div className="jp-zoe-Problem" role="alert">
      {props.title && <strong>{props.title}</strong>}
      <div className="jp-zoe-Problem-text">{message}</div>
      {remedy && <div>{remedy}</div>}
      {props.children}
    </div>
  );
}
