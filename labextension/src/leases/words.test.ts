import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IIdleView } from '../api/types';
import { execution, english as trans } from '../kit/testing';
import { idleWords, secondsLeft } from './words';

const idle: IIdleView = { since: '2025-01-01T10:00:00Z', action: 'shrink', at: '2025-01-01T10:30:00Z' };
const at = (time: string): number => Date.parse(`2025-01-01T${time}Z`);

test('what is in use has nothing to tell', () => {
  assert.equal(idleWords(execution('1'), at('10:12:00'), trans), null);
});

test('what nobody uses says since when, what follows, and when', () => {
  const told = idleWords(execution('one', { idle }), at('10:12:00'), trans);
  assert.equal(told?.short, 'Idle for 12 min, shrinks in 18 min');
  assert.equal(
    told.long,
    'No kernel, query, job or terminal has used one for 12 min. In 18 min it keeps its essential processes alone.'
  );
  assert.equal(told.isSoon, false);
  const ends = idleWords(execution('one', { idle: { ...idle, action: 'end' } }), at('10:12:00'), trans);
  assert.equal(ends?.short, 'Idle for 12 min, ends in 18 min');
  assert.match(ends.long, /In 18 min it ends\.$/);
});

test('the last minutes are urgent, and never less than none', () => {
  assert.equal(idleWords(execution('1', { idle }), at('10:25:00'), trans)?.isSoon, true);
  assert.equal(secondsLeft(idle, at('10:29:59.200')), 1);
  assert.equal(idleWords(execution('1', { idle }), at('10:29:48'), trans)?.short, 'Idle for 29 min, shrinks in 12 s');
  assert.equal(idleWords(execution('1', { idle }), at('10:31:00'), trans)?.short, 'Idle for 31 min, shrinks in 0 s');
});
