import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { LogReader } from './reader';

function bytes(text: string): ReadableStream<Uint8Array> {
  return new Blob([text]).stream();
}

test('a cut connection is made again where it was, with longer and longer pauses, until the end', async () => {
  const output = 'one\ntwo\nthree\n';
  const asked: number[] = [];
  const attempts: number[] = [];
  const gaps: boolean[] = [];
  let shown = '';
  await new Promise<void>(resolve => {
    const reader = new LogReader({
      tail: 100,
      open: offset => {
        asked.push(offset);
        const at = Math.max(0, offset);
        switch (asked.length) {
          case 1:
            return Promise.resolve({ offset: 0, body: bytes(output.slice(0, 4)) });
          case 2:
          case 3:
            return Promise.reject(new Error('cut'));
          case 4:
            return Promise.resolve({ offset: at, body: bytes(output.slice(at, at + 4)) });
          default:
            return Promise.resolve({ offset: at, body: bytes(output.slice(at)) });
        }
      },
      onOpen: gap => gaps.push(gap),
      onText: text => (shown += text),
      onEnd: () => {
        if (shown === output) {
          resolve();
          return false;
        }
        return true;
      },
      onError: () => true,
      backoff: attempt => attempts.push(attempt)
    });
    reader.start();
  });
  assert.equal(shown, output);
  assert.deepEqual(asked, [-100, 4, 4, 4, 8]);
  assert.deepEqual(attempts, [1, 2, 3, 1]);
  assert.deepEqual(gaps, [false, false, false]);
});

test('what is missing is told', async () => {
  const gaps: boolean[] = [];
  const offsets = [7, 20];
  await new Promise<void>(resolve => {
    const reader = new LogReader({
      tail: 5,
      open: () => Promise.resolve({ offset: offsets.shift() ?? 0, body: bytes('x') }),
      onOpen: gap => gaps.push(gap),
      onText: () => undefined,
      onEnd: () => {
        if (offsets.length > 0) {
          return true;
        }
        resolve();
        return false;
      },
      onError: () => false,
      backoff: () => 0
    });
    reader.start();
  });
  assert.deepEqual(gaps, [true, true]);
});

test('a stopped reader is silent; one that is told of a change while it reads looks once more', async () => {
  const opened = mock.fn((_offset: number, _signal: AbortSignal) => Promise.resolve({ offset: 0, body: bytes('') }));
  let ends = 0;
  await new Promise<void>(resolve => {
    const reader = new LogReader({
      tail: 5,
      open: opened,
      onOpen: () => undefined,
      onText: () => undefined,
      onEnd: () => {
        ends += 1;
        if (ends === 2) {
          setImmediate(resolve);
        }
        return false;
      },
      onError: () => false
    });
    reader.start();
    reader.start(); // a change
  });
  assert.equal(opened.mock.callCount(), 2);
  const reader = new LogReader({
    tail: 5,
    open: opened,
    onOpen: () => undefined,
    onText: () => undefined,
    onEnd: () => assert.fail('it was stopped'),
    onError: () => assert.fail('it was stopped')
  });
  reader.start();
  reader.stop();
  assert.equal(opened.mock.calls[2]?.arguments[1].aborted, true);
  await new Promise(resolve => setImmediate(resolve));
});
