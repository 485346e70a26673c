import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IOpening } from '../api/client';
import { ZoeProblem } from '../api/problem';
import { findWay } from './opening';

const BASE = 'http://127.0.0.1:8888/user/me/';
const own = (host: string): IOpening['own'][number] => ({
  url: `http://${host}/zoe/enter?ticket=1`,
  here: `http://${host}/zoe/here`,
  proof: `proof of ${host}`
});
const opening: IOpening = {
  own: [own('e1.localhost:1'), own('e1.localhost:2')],
  fallback: '/user/me/zoe/enter?ticket=2',
  sandboxed: true,
  refusal: ''
};

/** A browser that gets these answers, by host; from others none. */
function browser(answers: Record<string, string>): typeof fetch {
  return url => {
    const answer = answers[new URL(url as string).host];
    return answer === undefined ? Promise.reject(new TypeError('refused')) : Promise.resolve(new Response(answer));
  };
}

test('the first origin whose listener proves itself is taken, without the sandbox', async () => {
  const ask = browser({ 'e1.localhost:1': 'another program', 'e1.localhost:2': 'proof of e1.localhost:2' });
  assert.deepEqual(await findWay(opening, BASE, ask), { url: own('e1.localhost:2').url, sandboxed: false });
});

test('where none is reached the page is shown at the origin of JupyterLab, as the server says', async () => {
  const url = 'http://127.0.0.1:8888/user/me/zoe/enter?ticket=2';
  assert.deepEqual(await findWay(opening, BASE, browser({})), { url, sandboxed: true });
  assert.deepEqual(await findWay({ ...opening, sandboxed: false }, BASE, browser({})), { url, sandboxed: false });
});

test('a page that may be shown nowhere is a problem', async () => {
  await assert.rejects(
    findWay({ ...opening, fallback: '', sandboxed: false }, BASE, browser({})),
    (error: unknown) => error instanceof ZoeProblem && error.code === 'page-needs-origin'
  );
});
