import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runs, strip } from './ansi';

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
