import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Executions } from '../kit/executions';
import { ended, readiness, running, runningFirst } from '../kit/executions';
import { execution, group } from '../kit/testing';
import { ENDED_KEPT, endedSince, reduceExecutions } from './state';

const NONE: Executions = new Map();

test('an older answer never replaces a newer one', () => {
  let known = reduceExecutions(NONE, { type: 'some', items: [execution('1', { version: 5, phase: 'stopping' })] });
  assert.equal(reduceExecutions(known, { type: 'some', items: [execution('1', { version: 4 })] }), known);
  known = reduceExecutions(known, { type: 'all', items: [execution('1', { version: 3 })] });
  assert.equal(known.get('1')?.phase, 'stopping');
  known = reduceExecutions(known, { type: 'some', items: [execution('1', { version: 6, phase: 'ended' })] });
  assert.equal(known.get('1')?.phase, 'ended');
});

test('executions are newest first and only the last ended ones are kept', () => {
  let known = NONE;
  for (let index = 1; index <= ENDED_KEPT + 5; index++) {
    const id = String(index);
    const items = [execution(id, { phase: 'ended', ended: `2025-01-02T00:00:${id.padStart(2, '0')}Z` })];
    known = reduceExecutions(known, { type: 'some', items });
  }
  known = reduceExecutions(known, { type: 'some', items: [execution('0'), execution('3', { version: 9 })] });
  assert.deepEqual(
    running(known).map(item => item.id),
    ['3', '0']
  );
  assert.equal(ended(known).length, ENDED_KEPT);
  assert.equal(ended(known)[0]?.id, String(ENDED_KEPT + 5));
  assert.equal(known.has('1'), false);
  assert.deepEqual(
    runningFirst(known)
      .slice(0, 3)
      .map(item => item.id),
    ['3', '0', String(ENDED_KEPT + 5)]
  );
});

test('a list replaces what was there, a gone execution disappears', () => {
  let known = reduceExecutions(NONE, { type: 'all', items: [execution('1'), execution('2')] });
  known = reduceExecutions(known, { type: 'all', items: [execution('2')] });
  assert.deepEqual([...known.keys()], ['2']);
  assert.deepEqual([...reduceExecutions(known, { type: 'gone', execution: '2' }).keys()], []);
  assert.equal(reduceExecutions(known, { type: 'gone', execution: '7' }), known);
});

test('what ended is told once, and only if it was seen before', () => {
  const before = reduceExecutions(NONE, { type: 'all', items: [execution('1'), execution('2')] });
  const items = [execution('1', { phase: 'ended', version: 2 }), execution('3', { phase: 'ended' })];
  const after = reduceExecutions(before, { type: 'some', items });
  assert.deepEqual(
    endedSince(before, after).map(item => item.id),
    ['1']
  );
  assert.deepEqual(endedSince(after, after), []);
});

test('readiness counts the processes of all groups', () => {
  const groups = [group({ count: 3, ready: 2 }), group({ name: 'master', count: 1, ready: 1 })];
  assert.deepEqual(readiness(execution('1', { groups })), { ready: 3, wanted: 4 });
});
