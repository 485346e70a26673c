import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ZoeProblem } from '../api/problem';
import type { IEventView, IExecutionView } from '../api/types';
import { because, execution } from '../kit/testing';
import type { IConnection, IFeed } from '../kit/tokens';
import { ExecutionsModel } from './model';

/** A hub with these executions. */
function hub(known: Map<string, IExecutionView>): IConnection {
  const call = (id: string, options: { path?: { execution: string }; query?: { active: boolean } }): unknown => {
    if (id === 'list_executions') {
      const items = [...known.values()].filter(each => (each.phase !== 'ended') === options.query?.active);
      return Promise.resolve({ items, next: null });
    }
    const found = known.get(options.path?.execution ?? '');
    return found ? Promise.resolve(found) : Promise.reject(new ZoeProblem({ status: 404, code: 'unknown-execution' }));
  };
  return { client: { call }, follow: (_: IFeed) => undefined } as unknown as IConnection;
}

function forgotten(id: string): IEventView {
  const reason = because('past-too-many');
  return { seq: 9, time: '', kind: 'execution.forgotten', owner: 'me', execution: id, process: '', reason, data: {} };
}

test('an execution that the hub has forgotten leaves the list', async () => {
  const known = new Map([execution('1', { phase: 'ended' }), execution('2')].map(each => [each.id, each]));
  const model = new ExecutionsModel(hub(known));
  (await model.load(new AbortController().signal))();
  assert.deepEqual([...model.state.keys()], ['2', '1']);
  known.delete('1');
  for (const name of model.outdated(forgotten('1'))) {
    await model.refresh(name);
  }
  assert.deepEqual([...model.state.keys()], ['2']);
});

test('what was forgotten while nobody listened is gone when everything is read again', async () => {
  const known = new Map(['1', '2', '3'].map(id => [id, execution(id)]));
  const model = new ExecutionsModel(hub(known));
  (await model.load(new AbortController().signal))();
  known.delete('1');
  known.set('2', execution('2', { phase: 'ended', version: 7 }));
  const told: string[] = [];
  model.ended.connect((_, each) => told.push(each.id));
  (await model.load(new AbortController().signal))();
  assert.deepEqual([...model.state.keys()].sort(), ['2', '3']);
  assert.deepEqual(told, ['2'], 'that it ended is told all the same');
});
