/** Views as the hub sends them, for tests. */

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
    scalable: [],
    ends: false,
    protected: false,
    ...more
  };
}
