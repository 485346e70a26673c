import assert from 'node:assert/strict';
import { test } from 'node:test';
import { because, english as trans, language } from '../testing';
import { reasonLines, reasonWords } from './reasons';

const exited = because('exited', { facts: { code: 1 } });

test('the words of a reason are made of its code and its facts', () => {
  assert.equal(reasonWords(exited, trans), 'ended with exit code 1');
  const failed = because('essential-failed', { facts: { process: 'job-0', failures: 3, cause: exited } });
  assert.equal(
    reasonWords(failed, trans),
    'job-0 is essential and ended 3 times in a row; the last time: ended with exit code 1'
  );
  const once = { ...failed, facts: { ...failed.facts, failures: 1 } };
  assert.equal(reasonWords(once, trans), 'job-0 is essential and ended: ended with exit code 1');
  const missing = because('memory-missing', { facts: { needed: 3 * 2 ** 30, free: 2 ** 29, total: 2 ** 31 } });
  const cause = because('queued-for-resources', { facts: { nodes: 1, missing } });
  const queued = because('queued', { facts: { position: 2, cause } });
  assert.equal(
    reasonWords(queued, trans),
    'queued at position 2: 3.0 GiB of memory are needed and 512 MiB of 2.0 GiB are free on 1 node'
  );
  const groups = [because('group-granted', { facts: { group: 'a', count: 2 } }), because('of tomorrow')];
  assert.equal(
    reasonWords(because('granted', { facts: { groups } }), trans),
    'may now run a: 2, of tomorrow in English'
  );
});

test('another language has words of its own', () => {
  const german = language(text => (text === 'ended with exit code %1' ? 'endete mit dem Code %1' : '?'));
  assert.equal(reasonWords(because('starts-again', { facts: { cause: exited } }), german), '?');
  assert.equal(reasonWords(exited, german), 'endete mit dem Code 1');
});

test('what another version of the hub says is told in its own words', () => {
  for (const strange of [because('of tomorrow'), because('exited'), because('exited', { facts: { code: 'one' } })]) {
    assert.equal(reasonWords(strange, trans), `${strange.code} in English`);
  }
  assert.equal(reasonWords(because('constructor'), trans), 'constructor in English');
});

test('a reason is told with none, with the last, and with all of the output that shows it', () => {
  const failed = { ...exited, tail: ['one', '\u001b[31mtwo\u001b[0m', 'three'] };
  assert.equal(reasonLines(failed, trans, 0), 'ended with exit code 1');
  assert.equal(reasonLines(failed, trans, 2), 'ended with exit code 1\ntwo\nthree');
  assert.equal(reasonLines(failed, trans), 'ended with exit code 1\none\ntwo\nthree');
});
