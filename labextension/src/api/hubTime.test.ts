import assert from 'node:assert/strict';
import { test } from 'node:test';
import { heardTime, hubNow } from './hubTime';

const NOON = Date.parse('2026-01-01T12:00:00Z');

test('the time is the one that the hub says, however wrong that of the browser is', () => {
  assert.equal(hubNow(NOON), NOON);
  heardTime('Thu, 01 Jan 2026 22:00:00 GMT', NOON);
  assert.equal(hubNow(NOON + 5000), NOON + 36_005_000);
  heardTime('Thu, 01 Jan 2026 02:00:00 GMT', NOON);
  assert.equal(hubNow(NOON), NOON - 36_000_000);
});

test('what is no time changes nothing, and a second is no difference', () => {
  heardTime('Thu, 01 Jan 2026 02:00:00 GMT', NOON);
  for (const date of [null, '', 'yesterday']) {
    heardTime(date, NOON);
  }
  assert.equal(hubNow(NOON), NOON - 36_000_000);
  heardTime('Thu, 01 Jan 2026 12:00:01 GMT', NOON);
  assert.equal(hubNow(NOON), NOON);
});
