import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IEndpoint, IExecutionView } from '../api/types';
import { meantEndpoints, pageOf, placeOf, plainUrl } from './place';

const endpoint = (process: string, port: string, show: boolean): IEndpoint => ({
  process,
  port,
  title: '',
  path: `/zoe/pages/e1/${process}/${port}/`,
  show,
  ready: true
});
const execution = {
  id: 'e1',
  name: 'one',
  endpoints: [endpoint('master-0', 'ui', true), endpoint('worker-0', 'ui', false), endpoint('worker-0', 'log', false)]
} as unknown as IExecutionView;

test('without a process, pages for people are meant; a process may have others', () => {
  const meant = (process: string | null, port: string | null): string[] =>
    meantEndpoints(execution, process, port).map(found => `${found.process}/${found.port}`);
  assert.deepEqual(meant(null, null), ['master-0/ui']);
  assert.deepEqual(meant('worker-0', null), ['worker-0/ui', 'worker-0/log']);
  assert.deepEqual(meant('worker-0', 'log'), ['worker-0/log']);
  assert.deepEqual(meant('worker-7', null), []);
});

test('a page without a title goes by its port', () => {
  assert.equal(placeOf(execution, endpoint('master-0', 'ui', true)).title, 'ui');
});

test('a page is reached through this Jupyter server, whatever server it was started from', () => {
  const at = (path: string): ReturnType<typeof placeOf> => ({ ...placeOf(execution, endpoint('m', 'ui', true)), path });
  const paths = [
    '/user/me/zoe/pages/e1/m/ui/lab',
    '/zoe/pages/e1/m/ui/lab',
    '/u/zoe/pages/e0/n/web/zoe/pages/e1/m/ui/lab'
  ];
  for (const path of paths) {
    assert.equal(pageOf(at(path)), 'm/ui/lab');
    assert.equal(plainUrl(at(path), '/user/me/zoe'), '/user/me/zoe/pages/e1/m/ui/lab');
  }
});
