/** Makes a group of processes larger or smaller: minus, number, plus, and a slider where there is room. */

import { addIcon } from '@jupyterlab/ui-components';
import React, { useEffect, useRef, useState } from 'react';
import type { IExecutionView, IGroupView } from '../../api/types';
import { useKit } from '../../kit/widgets/context';
import { IconButton } from '../../kit/widgets/parts';
import { lessIcon } from './icons';

/** Milliseconds without another click until the number is sent: five clicks are one request. */
const SETTLE = 500;

/** The control of one scalable group. */
export function ScaleControl(props: {
  execution: IExecutionView;
  group: IGroupView;
  slider: boolean;
  /** Ask for so many. Says itself what fails. */
  scale: (count: number) => Promise<unknown>;
}): React.JSX.Element {
  const { trans } = useKit();
  const { execution, group } = props;
  const [wanted, setWanted] = useState<number | null>(null);
  // The same at once: the next click may come before the control is drawn again.
  const latest = useRef<number | null>(null);
  const [typed, setTyped] = useState<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>();
  const pending = useRef<(() => void) | null>(null);
  useEffect(
    () => () => {
      clearTimeout(timer.current);
      pending.current?.(); // what was clicked is meant, also if the control goes away first
    },
    []
  );

  const shown = wanted ?? group.count;
  const disabled = execution.desired === 'ended';
  const minimum = group.essential;
  const label = trans.__('Number of %1 processes of %2', group.name, execution.name);

  const send = (count: number, delay: number): void => {
    const target = Math.min(group.maximum, Math.max(minimum, count));
    latest.current = target;
    setWanted(target);
    clearTimeout(timer.current);
    const ask = (): void => {
      pending.current = null;
      void props.scale(target).finally(() => {
        if (latest.current === target) {
          latest.current = null;
          setWanted(null);
        }
      });
    };
    pending.current = ask;
    timer.current = setTimeout(ask, delay);
  };
  const step = (by: number): void => send((latest.current ?? group.count) + by, SETTLE);
  const commit = (): void => {
    const count = Number(typed);
    setTyped(null);
    if (typed !== null && typed.trim() !== '' && Number.isInteger(count) && count !== shown) {
      send(count, 0);
    }
  };

  const progress =
    group.ready === shown ? trans.__('%1 ready', group.ready) : trans.__('%1 of %2 ready', group.ready, shown);
  return (
    <div className="jp-zoe-Scale" role="group" aria-label={label}>
      <span className="jp-zoe-Scale-name">{group.name}</span>
      <span className="jp-zoe-Scale-buttons">
        <IconButton
          icon={lessIcon}
          label={trans.__('One %1 less', group.name)}
          disabled={disabled || shown <= minimum}
          onClick={() => step(-1)}
        />
        <input
          className="jp-zoe-Scale-number"
          type="text"
          inputMode="numeric"
          aria-label={label}
          title={trans.__('%1 to %2', minimum, group.maximum)}
          disabled={disabled}
          value={typed ?? String(shown)}
          onChange={event => setTyped(event.target.value)}
          onBlur={commit}
          onKeyDown={event => {
            if (event.key === 'Enter') {
              commit();
            } else if (event.key === 'Escape') {
              setTyped(null);
            } else if (event.key === 'ArrowUp' || event.key === 'ArrowDown') {
              event.preventDefault();
              step(event.key === 'ArrowUp' ? 1 : -1);
            }
          }}
        />
        <IconButton
          icon={addIcon}
          label={trans.__('One %1 more', group.name)}
          disabled={disabled || shown >= group.maximum}
          onClick={() => step(1)}
        />
      </span>
      <span className="jp-zoe-Scale-ready" aria-live="polite">
        {progress}
      </span>
      {props.slider && group.maximum <= 256 && (
        <input
          className="jp-zoe-Scale-slider"
          type="range"
          aria-label={label}
          min={minimum}
          max={group.maximum}
          step={1}
          disabled={disabled}
          value={shown}
          onChange={event => send(Number(event.target.value), SETTLE)}
        />
      )}
    </div>
  );
}
