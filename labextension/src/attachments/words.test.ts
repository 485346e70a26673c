import assert from 'node:assert/strict';
import { test } from 'node:test';
import { english as trans, execution, group } from '../kit/testing';
import { clusterWords, sizeWords, taskWords } from './words';

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
