import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runs, strip } from './ansi';
import { formErrors, uiSchema } from './form';
import { LogBuffer } from './log';

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

test('colours last until they are reset, also over lines', () => {
  const first = runs('\u001b[1;32mok');
  assert.deepEqual(first.runs, [{ text: 'ok', classes: 'ansi-green-fg ansi-bold' }]);
  assert.deepEqual(runs('still\u001b[0m plain', first.style).runs, [
    { text: 'still', classes: 'ansi-green-fg ansi-bold' },
    { text: ' plain', classes: '' }
  ]);
  assert.deepEqual(
    runs('\u001b[38;5;200mx\u001b[91my').runs.map(run => run.classes),
    ['', 'ansi-red-intense-fg']
  );
  assert.equal(strip('a\u001b]0;title\u0007b\u001b[2Kc\nd'), 'abc\nd');
});

test('wrong places go to their fields', () => {
  const place = (path: string, message: string) => ({ path, message, file: '', line: 0, column: 0 });
  const { fields, others } = formErrors(
    [
      place('/parameters/workers', 'too many'),
      place('/args/1', 'not a text'),
      place('/nope', 'unknown'),
      place('', 'all wrong')
    ],
    ['workers', 'args']
  );
  assert.deepEqual(fields, { workers: { __errors: ['too many'] }, args: { 1: { __errors: ['not a text'] } } });
  assert.deepEqual(others, ['nope: unknown', 'all wrong']);
});

test('code gets a text area, secrets are hidden', () => {
  const parameters = {
    properties: { code: { type: 'string' }, token: { type: 'string', secret: true }, n: { type: 'integer' } }
  };
  const ui = uiSchema({ parameters } as never);
  assert.equal((ui.code as Record<string, unknown>)['ui:widget'], 'textarea');
  assert.equal((ui.token as Record<string, unknown>)['ui:widget'], 'password');
  assert.equal(ui.n, undefined);
});
