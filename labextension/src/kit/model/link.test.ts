import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CONNECTING, reduceLink } from './link';
import { Ranked } from './ranked';
import { Store } from './store';

test('the same link is no change; what was read stays read', () => {
  let state = reduceLink(CONNECTING, { type: 'link', link: 'live' });
  assert.equal(reduceLink(state, { type: 'link', link: 'live' }), state);
  state = reduceLink(state, { type: 'loaded' });
  assert.equal(reduceLink(state, { type: 'loaded' }), state);
  assert.deepEqual(reduceLink(state, { type: 'link', link: 'paused' }), {
    link: 'paused',
    problem: null,
    note: '',
    loaded: true
  });
});

test('nobody is told of an action that changes nothing', () => {
  const store = new Store(1, (state: number, action: number) => Math.max(state, action));
  const told: number[] = [];
  store.changed.connect((_, state) => told.push(state));
  [2, 2, 1, 3].forEach(action => store.dispatch(action));
  assert.deepEqual(told, [2, 3]);
});

test('a room is in the order of ranks, whoever came first; an id stands once', () => {
  const room = new Ranked<{ id: string; rank: number; what?: string }>();
  room.add({ id: 'last', rank: 9 });
  room.add({ id: 'first', rank: 1 });
  room.add({ id: 'also-last', rank: 9 });
  room.add({ id: 'first', rank: 1, what: 'another' });
  assert.deepEqual(
    room.state.map(item => item.id),
    ['first', 'last', 'also-last']
  );
  assert.equal(room.state[0]?.what, 'another');
});
