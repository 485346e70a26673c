/** Views as the hub sends them, and a language to tell of them, for tests. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IExecutionView, IGroupView, IReasonView, IZAppView } from '../api/types';

/** A reason. */
export function because(code: string, more: Partial<IReasonView> = {}): IReasonView {
  return { code, facts: {}, words: `${code} in English`, tail: [], ...more };
}

/** An execution; the later its number, the newer it is. */
export function execution(id: string, more: Partial<IExecutionView> = {}): IExecutionView {
  return {
    id,
    name: id,
    owner: 'me',
    zapp: 'spark-cluster',
    title: 'Spark',
    kind: 'engine',
    zapp_version: '1',
    version: 1,
    phase: 'running',
    desired: 'running',
    outcome: null,
    exit_code: null,
    reason: because('running'),
    parent: null,
    created: `2025-01-01T00:00:${id.padStart(2, '0')}Z`,
    running_since: null,
    ended: null,
    idle: null,
    kept_until: null,
    parameters: {},
    labels: {},
    groups: [],
    processes: [],
    endpoints: [],
    attach: [],
    ends: false,
    protected: false,
    ...more
  };
}

/** A group of workers. */
export function group(more: Partial<IGroupView> = {}): IGroupView {
  return {
    name: 'worker',
    framework: 'spark',
    count: 3,
    granted: 3,
    live: 3,
    ready: 2,
    essential: 1,
    maximum: 8,
    scalable: true,
    ...more
  };
}

/** A ZApp. */
export function zapp(more: Partial<IZAppView> = {}): IZAppView {
  return {
    name: 'z',
    version: '1',
    kind: 'engine',
    title: 'Z',
    description: '',
    icon: '',
    parameters: {},
    frameworks: [],
    attach: [],
    attach_as: [],
    scalable: [],
    ends: false,
    protected: false,
    ...more
  };
}

/** English as it stands in the source, or what `translate` makes of it. JupyterLab's own needs a page. */
export function language(translate: (text: string) => string = text => text): TranslationBundle {
  const filled = (text: string, ...facts: readonly unknown[]): string =>
    translate(text).replace(/%(\d+)/g, (_, place: string) => String(facts[Number(place) - 1]));
  return {
    __: filled,
    _n: (one: string, many: string, count: number, ...facts: readonly unknown[]) =>
      filled(count === 1 ? one : many, count, ...facts)
  } as TranslationBundle;
}

/** The English words. */
export const english = language();
