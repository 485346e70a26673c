import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formErrors, uiSchema } from './form';

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
