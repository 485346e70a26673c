import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogBuffer } from './buffer';

function text(buffer: LogBuffer): string[] {
  const lines: string[] = [];
  for (let number = buffer.first; number < buffer.end; number++) {
    lines.push(
      buffer
        .line(number)
        .map(run => run.text)
        .join('')
    );
  }
  return lines;
}

test('lines come out the same, however the output was cut', () => {
  const output = 'one\ntwo \u001b[31mred\u001b[0m end\r\n10%\r50%\r100%\n\nlast';
  for (let cut = 0; cut <= output.length; cut++) {
    const buffer = new LogBuffer();
    buffer.feed(output.slice(0, cut));
    buffer.feed(output.slice(cut));
    assert.deepEqual(text(buffer), ['one', 'two red end', '100%', '', 'last'], `cut at ${cut}`);
  }
});

test('only the last lines are kept, and a change says from where to draw', () => {
  const buffer = new LogBuffer(3);
  assert.deepEqual(buffer.feed('a\nb'), { from: 0, first: 0 });
  assert.deepEqual(buffer.feed('b\nc\nd\n'), { from: 1, first: 1 });
  assert.deepEqual(text(buffer), ['bb', 'c', 'd']);
  assert.deepEqual(buffer.feed('e'), { from: 4, first: 2 });
  assert.deepEqual(buffer.feed(''), { from: 4, first: 2 });
  buffer.feed('x'.repeat(9));
  assert.deepEqual(text(buffer), ['c', 'd', 'exxxxxxxxx']);
});

test('long lines are broken', () => {
  const buffer = new LogBuffer(10, 4);
  buffer.feed('abcdefghij\n');
  assert.deepEqual(text(buffer), ['abcd', 'efgh', 'ij']);
});
