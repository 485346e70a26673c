import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IAttachmentView, IExecutionView, IZAppView } from '../api/types';
import { attachmentOf, attachable, ended, readiness, running, workersOf } from './selectors';
import { EMPTY, ENDED_KEPT, reduce } from './state';

function execution(id: string, more: Partial<IExecutionView> = {}): IExecutionView {
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

function attachment(id: string, key: string, kernel: string, of: IExecutionView): IAttachmentView {
  return { id, owner: 'me', key, kernel, execution: of, created: '', renewed: '', found: false };
}

function zapp(more: Partial<IZAppView>): IZAppView {
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

test('an older answer never replaces a newer one', () => {
  let state = reduce(EMPTY, { type: 'execution', execution: execution('1', { version: 5, phase: 'stopping' }) });
  const same = reduce(state, { type: 'execution', execution: execution('1', { version: 4 }) });
  assert.equal(same, state);
  state = reduce(state, { type: 'executions', items: [execution('1', { version: 3 })] });
  assert.equal(state.executions.get('1')?.phase, 'stopping');
  state = reduce(state, { type: 'execution', execution: execution('1', { version: 6, phase: 'ended' }) });
  assert.equal(state.executions.get('1')?.phase, 'ended');
});

test('executions are newest first and only the last ended ones are kept', () => {
  let state = reduce(EMPTY, { type: 'executions', items: [] });
  for (let index = 1; index <= ENDED_KEPT + 5; index++) {
    const id = String(index);
    state = reduce(state, {
      type: 'execution',
      execution: execution(id, { phase: 'ended', ended: `2025-01-02T00:00:${id.padStart(2, '0')}Z` })
    });
  }
  state = reduce(state, { type: 'execution', execution: execution('0') });
  state = reduce(state, { type: 'execution', execution: execution('3', { version: 9 }) });
  assert.deepEqual(
    running(state).map(item => item.id),
    ['3', '0']
  );
  assert.equal(ended(state).length, ENDED_KEPT);
  assert.equal(ended(state)[0]?.id, String(ENDED_KEPT + 5));
  assert.equal(state.executions.has('1'), false);
});

test('a list replaces what was there, a gone execution disappears', () => {
  let state = reduce(EMPTY, { type: 'executions', items: [execution('1'), execution('2')] });
  state = reduce(state, { type: 'executions', items: [execution('2')] });
  assert.deepEqual([...state.executions.keys()], ['2']);
  assert.deepEqual([...reduce(state, { type: 'gone', execution: '2' }).executions.keys()], []);
  assert.equal(reduce(state, { type: 'gone', execution: '7' }), state);
});

test('the same link is no change', () => {
  const state = reduce(EMPTY, { type: 'link', link: 'live' });
  assert.equal(reduce(state, { type: 'link', link: 'live' }), state);
});

test('attachments are found by kernel, by path, and by the absolute path that a kernel knows', () => {
  const [one, two, three] = [execution('1'), execution('2'), execution('3', { desired: 'ended' })];
  const items = [
    attachment('a', '/home/me/work/one.ipynb', 'k1', one),
    attachment('b', 'two.ipynb', 'k2', two),
    attachment('c', 'three.ipynb', 'k3', three)
  ];
  const state = reduce(reduce(EMPTY, { type: 'attachments', items }), { type: 'root', root: '/home/me/' });
  assert.equal(state.executions.size, 3);
  assert.equal(attachmentOf(state, { path: 'x.ipynb', kernel: 'k2' })?.id, 'b');
  assert.equal(attachmentOf(state, { path: 'work/one.ipynb', kernel: 'restarted' })?.id, 'a');
  assert.equal(attachmentOf(state, { path: 'two.ipynb', kernel: null })?.id, 'b');
  assert.equal(attachmentOf(state, { path: 'ne.ipynb', kernel: null }), null);
  assert.equal(attachmentOf(state, { path: 'one.ipynb', kernel: 'other' }), null, 'another folder, the same name');
  assert.equal(
    attachmentOf(state, { path: 'three.ipynb', kernel: 'k3' }),
    null,
    'what is ending is attached to nothing'
  );
});

test('of several attachments the one renewed last counts', () => {
  const [one, two] = [execution('1'), execution('2')];
  const items = [
    { ...attachment('old', 'n.ipynb', 'k', one), renewed: '2025-01-01T00:00:00Z' },
    { ...attachment('new', 'n.ipynb', 'k', two), renewed: '2025-01-01T00:00:00.5Z' }
  ];
  for (const order of [items, [...items].reverse()]) {
    assert.equal(
      attachmentOf(reduce(EMPTY, { type: 'attachments', items: order }), { path: 'n.ipynb', kernel: 'k' })?.id,
      'new'
    );
  }
});

test('workers, readiness and languages', () => {
  const spark = zapp({
    name: 'spark',
    attach: ['python'],
    parameters: { properties: { workers: { type: 'integer', minimum: 1, maximum: 8, default: 2 } } }
  });
  assert.deepEqual(workersOf(spark), { minimum: 1, maximum: 8, initial: 2 });
  assert.equal(workersOf(zapp({})), null);
  const state = reduce(EMPTY, { type: 'catalog', zapps: [spark, zapp({})], definitions: [] });
  assert.deepEqual(attachable(state, 'python'), [spark]);
  assert.deepEqual(attachable(state, 'r'), []);
  assert.deepEqual(attachable(state, null), [spark]);
  const group = {
    name: 'w',
    framework: 'spark',
    count: 3,
    granted: 3,
    live: 3,
    ready: 2,
    essential: 1,
    maximum: 8,
    scalable: true
  };
  assert.deepEqual(readiness(execution('1', { groups: [group, { ...group, count: 1, ready: 1 }] })), {
    ready: 3,
    wanted: 4
  });
});
