import assert from 'node:assert/strict';
import { test } from 'node:test';
import { english as trans, execution, group } from '../kit/testing';
import type { IAttachmentRow } from './tokens';
import { clusterWords, holderWords, sizeWords, taskWords } from './words';

test('the size of a cluster counts what is ready, and what is missing only while it is', () => {
  const size = (...groups: Parameters<typeof group>[0][]): string =>
    sizeWords(execution('1', { groups: groups.map(group) }), trans);
  assert.equal(size({ count: 3, ready: 3 }), '3 workers');
  assert.equal(size({ count: 1, ready: 1 }), '1 worker');
  assert.equal(size({ count: 3, ready: 2 }), '2 of 3 workers');
  assert.equal(size({ name: 'server', count: 2, ready: 2 }), '2 server');
  assert.equal(size({ name: 'server', count: 2, ready: 0 }, { scalable: false }), '0 of 2 server');
  assert.equal(size(), '');
});

test('a phase is told unless it simply runs', () => {
  const groups = [group({ count: 2, ready: 2 })];
  assert.equal(clusterWords(execution('one', { groups }), trans), 'one · 2 workers');
  assert.equal(clusterWords(execution('one', { groups, phase: 'stopping' }), trans), 'one · 2 workers · Stopping');
  assert.equal(clusterWords(execution('one', { phase: 'queued' }), trans), 'one · Queued');
});

test('a task names its execution as soon as that is known', () => {
  const report = {
    state: 'working',
    message: '',
    seconds: null,
    share: null,
    execution: { id: '1', name: 'one' },
    problem: null
  } as const;
  assert.equal(taskWords({ verb: 'attach', report: null }, trans), 'Attaching…');
  assert.equal(taskWords({ verb: 'attach', report }, trans), 'Attaching to one…');
  assert.equal(taskWords({ verb: 'detach', report }, trans), 'Detaching from one…');
});

test('holders are told by what they are; a notebook by its name', () => {
  const row = (kind: IAttachmentRow['kind'], gone: string | null = null): IAttachmentRow => ({
    id: '1',
    key: '/home/me/work/one.ipynb',
    kernel: 'k',
    execution: 'e',
    renewed: '',
    kind,
    gone
  });
  assert.equal(holderWords(row('notebook'), trans), 'one.ipynb');
  assert.equal(holderWords(row('terminal'), trans), 'a terminal');
  assert.equal(holderWords(row('notebook', '2025-01-01T00:00:00Z'), trans), 'one.ipynb (gone)');
});
