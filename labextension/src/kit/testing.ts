/** For tests: views as the hub sends them, and words that nobody translates. */

import type { TranslationBundle } from '@jupyterlab/translation';
import type { IExecutionView, IGroupView, IZAppView } from '../api/types';

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
    reason: '',
    created: `2025-01-01T00:00:${id.padStart(2, '0')}Z`,
    running_since: null,
    ended: null,
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

/** Fills in the places of words as JupyterLab does. */
function fill(words: string, ...facts: readonly unknown[]): string {
  return words.replace(/%(\d)/g, (_, place: string) => String(facts[Number(place) - 1]));
}

/** The English words, as they stand in the source. JupyterLab's own bundles cannot be loaded without a page. */
export const english = {
  __: fill,
  _n: (one: string, many: string, count: number, ...facts: readonly unknown[]) =>
    fill(count === 1 ? one : many, count, ...facts)
} as TranslationBundle;
