import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IExecutionView } from '../../api/types';
import { briefReason, reasonWords, shortReason } from './reasons';

const because = (reason: string): IExecutionView => ({ reason }) as IExecutionView;

test('a reason is told without, with the last of, and with all of the output that it quotes', () => {
  const failed = because(
    'job-0 ended with exit code 1. Its log ends:\none\n\u001b[31mtwo\u001b[0m\nthree\nValueError: four'
  );
  assert.equal(briefReason(failed), 'job-0 ended with exit code 1.');
  assert.equal(shortReason(failed), 'job-0 ended with exit code 1.\nthree\nValueError: four');
  assert.equal(reasonWords(failed), 'job-0 ended with exit code 1. Its log ends:\none\ntwo\nthree\nValueError: four');
});

test('a reason that quotes nothing is told as it is', () => {
  for (const words of [briefReason, shortReason, reasonWords]) {
    assert.equal(words(because('queued at position 2: waits behind one ')), 'queued at position 2: waits behind one');
    assert.equal(words(because('')), '');
  }
});
