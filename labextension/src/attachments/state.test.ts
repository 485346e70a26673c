import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IAttachmentView, IExecutionView } from '../api/types';
import type { Executions } from '../kit/executions';
import { execution, zapp } from '../kit/testing';
import { attachable, attachmentOf, NONE, reduceAttachments, workersOf } from './state';
import type { IAttachmentRow } from './tokens';

function attachment(id: string, key: string, kernel: string, of: IExecutionView): IAttachmentView {
  return {
    id,
    owner: 'me',
    key,
    kernel,
    kind: 'notebook',
    policy: 'shrink',
    gone: null,
    execution: of,
    created: '',
    renewed: '',
    found: false,
    unapplied: []
  };
}

/** What is found for a notebook among these attachments. */
function find(
  items: readonly IAttachmentView[],
  path: string,
  kernel: string | null,
  root = '/home/me/'
): IAttachmentRow | null {
  const known: Executions = new Map(items.map(item => [item.execution.id, item.execution]));
  const state = reduceAttachments(reduceAttachments(NONE, { type: 'root', root }), { type: 'all', items });
  return attachmentOf(state, known, { path, kernel });
}

test('attachments are found by kernel, by path, and by the absolute path that a kernel knows', () => {
  const items = [
    attachment('a', '/home/me/work/one.ipynb', 'k1', execution('1')),
    attachment('b', 'two.ipynb', 'k2', execution('2')),
    attachment('c', 'three.ipynb', 'k3', execution('3', { desired: 'ended' }))
  ];
  assert.equal(find(items, 'x.ipynb', 'k2')?.id, 'b');
  assert.equal(find(items, 'work/one.ipynb', 'restarted')?.id, 'a');
  assert.equal(find(items, 'two.ipynb', null)?.id, 'b');
  assert.equal(find(items, 'ne.ipynb', null), null);
  assert.equal(find(items, 'one.ipynb', 'other'), null, 'another folder, the same name');
  assert.equal(find(items, 'work/one.ipynb', 'restarted', ''), null, 'a server that shows no folder');
  assert.equal(find(items, 'three.ipynb', 'k3'), null, 'what is ending is attached to nothing');
});

test('an attachment to an execution that is not known is none', () => {
  const state = reduceAttachments(NONE, { type: 'all', items: [attachment('a', 'n.ipynb', 'k', execution('1'))] });
  assert.equal(attachmentOf(state, new Map(), { path: 'n.ipynb', kernel: 'k' }), null);
});

test('of several attachments the one renewed last counts', () => {
  const items = [
    { ...attachment('old', 'n.ipynb', 'k', execution('1')), renewed: '2025-01-01T00:00:00Z' },
    { ...attachment('new', 'n.ipynb', 'k', execution('2')), renewed: '2025-01-01T00:00:00.5Z' }
  ];
  for (const order of [items, [...items].reverse()]) {
    assert.equal(find(order, 'n.ipynb', 'k')?.id, 'new');
  }
});

test('the same root is no change', () => {
  const state = reduceAttachments(NONE, { type: 'root', root: '/home/me/' });
  assert.equal(reduceAttachments(state, { type: 'root', root: '/home/me/' }), state);
});

test('what can be attached, and with how many workers', () => {
  const workers = { type: 'integer', minimum: 1, maximum: 8, default: 2 };
  const spark = zapp({ name: 'spark', attach: ['python'], parameters: { properties: { workers } } });
  assert.deepEqual(workersOf(spark), { minimum: 1, maximum: 8, initial: 2 });
  assert.equal(workersOf(zapp()), null);
  assert.deepEqual(attachable([spark, zapp()], 'python'), [spark]);
  assert.deepEqual(attachable([spark, zapp()], 'r'), []);
  assert.deepEqual(attachable([spark, zapp()], null), [spark]);
});
