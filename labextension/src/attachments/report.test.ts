import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reportIn } from './report';

const MIME = 'application/vnd.zoe.attachment+json';
const working = {
  version: 1,
  verb: 'attach',
  state: 'working',
  message: 'spark-cluster-ab12c starting: master ✓ · worker 1/2 · connect … (4.2 s)',
  seconds: 4.2,
  share: 0.5,
  execution: { id: 'e2mhq7zk4', name: 'spark-cluster-ab12c' },
  attachment: 'e5x2aaaaa',
  'of a later version': {}
};

test('a bundle is read; members that nobody knows are ignored', () => {
  const report = reportIn({ 'text/plain': '...', [MIME]: working });
  assert.deepEqual(report, {
    state: 'working',
    message: working.message,
    seconds: 4.2,
    share: 0.5,
    execution: { id: 'e2mhq7zk4', name: 'spark-cluster-ab12c' },
    problem: null
  });
});

test('a failure is a problem with its code, its remedy and the wrong places', () => {
  const problem = {
    code: 'bad-parameter',
    detail: 'A parameter is wrong.',
    remedy: 'See the form.',
    errors: [{ path: '/workers', message: 'must be at most 8' }]
  };
  const report = reportIn({ [MIME]: { version: 1, verb: 'attach', state: 'failed', message: '', problem } });
  assert.equal(report?.state, 'failed');
  assert.equal(report.problem?.code, 'bad-parameter');
  assert.equal(report.problem.remedy, 'See the form.');
  assert.deepEqual(
    report.problem.errors.map(({ path, message }) => [path, message]),
    [['/workers', 'must be at most 8']]
  );
});

test('what is no bundle, or one of another version, is none', () => {
  for (const data of [null, undefined, 'text', {}, { 'text/plain': 'x' }, { [MIME]: 'x' }]) {
    assert.equal(reportIn(data), null);
  }
  assert.equal(reportIn({ [MIME]: { ...working, version: 2 } }), null);
});

test('members of a wrong type do no harm', () => {
  const report = reportIn({ [MIME]: { version: 1, state: 7, share: 5, seconds: 'x', execution: [], problem: true } });
  assert.equal(report?.state, 'working');
  assert.equal(report.share, 1);
  assert.equal(report.seconds, null);
  assert.equal(report.execution, null);
  assert.equal(report.problem?.code, 'unexpected');
});
