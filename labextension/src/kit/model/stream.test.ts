import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { EventStreamParser } from '../../api/sse';
import { backoff, EventFollower } from './follower';
import { RefreshQueue } from './refresh';

test('events come out whole, however they were cut', () => {
  const text = ': hello\n\nid: 7\nevent: execution.phase\ndata: {"a":\ndata: 1}\n\nid: 8\r\ndata: x\r\n\r\ndata: never';
  for (let cut = 1; cut < text.length; cut++) {
    const parser = new EventStreamParser();
    const events = [...parser.feed(text.slice(0, cut)), ...parser.feed(text.slice(cut))];
    assert.deepEqual(events, [
      { id: '7', event: 'execution.phase', data: '{"a":\n1}' },
      { id: '8', event: 'message', data: 'x' }
    ]);
  }
});

test('backoff doubles up to half a minute', () => {
  assert.deepEqual(
    [1, 2, 3, 6, 99].map(attempt => backoff(attempt, () => 0.5)),
    [1000, 2000, 4000, 30_000, 30_000]
  );
});

function event(seq: number, execution: string): string {
  return `id: ${seq}\ndata: ${JSON.stringify({ seq, kind: 'execution.phase', execution })}\n\n`;
}

test('the follower resumes after the last event it saw, and says when nobody answers', async () => {
  const since: number[] = [];
  const seen: string[] = [];
  const away: unknown[] = [];
  let live = 0;
  await new Promise<void>(resolve => {
    const follower = new EventFollower({
      load: known => Promise.resolve(known ?? 10),
      connect: number => {
        since.push(number);
        if (since.length === 2) {
          return Promise.reject(new Error('gone'));
        }
        const text = since.length === 1 ? event(11, 'a') + event(12, 'b') : event(13, 'c');
        return Promise.resolve(new Blob([text]).stream() as ReadableStream<Uint8Array>);
      },
      onEvent: item => {
        seen.push(item.execution);
        if (item.execution === 'c') {
          follower.pause();
          resolve();
        }
      },
      onLive: () => (live += 1),
      onAway: error => away.push(error),
      backoff: () => 1
    });
    follower.resume();
  });
  assert.deepEqual(since, [10, 12, 12]);
  assert.deepEqual(seen, ['a', 'b', 'c']);
  assert.equal(away.length, 1);
  assert.equal(live, 2);
});

test('a history that was replaced is read anew; a sign of life moves the place to resume from', async () => {
  const loads: (number | null)[] = [];
  await new Promise<void>(resolve => {
    const follower = new EventFollower({
      load: known => {
        loads.push(known);
        if (loads.length === 3) {
          follower.pause();
          resolve();
        }
        return Promise.resolve(known ?? 1);
      },
      connect: () => {
        const text =
          loads.length === 1
            ? ': still here\nid: 5\n\nid: 9\ndata: cut of'
            : 'event: reset\nid: 2\ndata: {"seq":2}\n\n';
        return Promise.resolve(new Blob([text]).stream() as ReadableStream<Uint8Array>);
      },
      onEvent: () => assert.fail('no event'),
      onLive: () => undefined,
      onAway: () => undefined,
      backoff: () => 1
    });
    follower.resume();
  });
  assert.deepEqual(loads, [null, 5, null]);
});

test('a reader from before what is kept reads everything again, and then only what follows that', async () => {
  const loads: (number | null)[] = [];
  const since: number[] = [];
  const seen: number[] = [];
  await new Promise<void>(resolve => {
    const follower = new EventFollower({
      load: known => {
        loads.push(known);
        return Promise.resolve(known ?? [3, 25][since.length] ?? 0);
      },
      connect: number => {
        since.push(number);
        const reset = 'event: reset\nid: 19\ndata: {"seq":19,"first_seq":20}\n\n' + event(20, 'old') + event(21, 'old');
        return Promise.resolve(
          new Blob([number === 3 ? reset : event(26, 'new')]).stream() as ReadableStream<Uint8Array>
        );
      },
      onEvent: ({ seq }) => {
        seen.push(seq);
        follower.pause();
        resolve();
      },
      onLive: () => undefined,
      onAway: error => assert.fail(String(error)),
      backoff: () => 1
    });
    follower.resume();
  });
  assert.deepEqual(loads, [null, null]);
  assert.deepEqual(since, [3, 25]);
  assert.deepEqual(seen, [26], 'what everything that was read holds already is not told again');
});

test('a silent connection is given up and resumed', async () => {
  let connections = 0;
  await new Promise<void>(resolve => {
    const follower = new EventFollower({
      load: known => Promise.resolve(known ?? 0),
      connect: () => {
        connections += 1;
        if (connections === 2) {
          follower.pause();
          resolve();
        }
        return Promise.resolve(new ReadableStream<Uint8Array>());
      },
      onEvent: () => undefined,
      onLive: () => undefined,
      onAway: () => undefined,
      backoff: () => 1,
      silence: 5
    });
    follower.resume();
  });
  assert.equal(connections, 2);
});

test('many events of one execution are one read; one that comes during the read is read after it', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  try {
    const reads: string[] = [];
    const finish: (() => void)[] = [];
    const queue = new RefreshQueue({
      fetch: id => {
        reads.push(id);
        return new Promise(resolve => finish.push(resolve));
      },
      delay: 50,
      parallel: 2
    });
    ['a', 'a', 'b', 'a', 'c'].forEach(id => queue.add(id));
    assert.deepEqual(reads, []);
    mock.timers.tick(50);
    assert.deepEqual(reads, ['a', 'b']);
    queue.add('a');
    mock.timers.tick(50);
    assert.deepEqual(reads, ['a', 'b'], 'not read twice at the same time');
    finish.forEach(done => done());
    await new Promise(resolve => setImmediate(resolve));
    assert.deepEqual(reads.slice(2).sort(), ['a', 'c']);
  } finally {
    mock.timers.reset();
  }
});
