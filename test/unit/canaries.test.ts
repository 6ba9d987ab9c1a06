import { expect, test } from 'vitest';
import { makeCanary, startHunt } from '../support/canaries.ts';

test.each([
  ['as it is', (secret: string) => secret],
  ['as hex', (secret: string) => Buffer.from(secret).toString('hex')],
  ['in a base64 text', (secret: string) => Buffer.from(`it is ${secret}.`).toString('base64')],
  ['in a URL', (secret: string) => encodeURIComponent(secret)],
  ['in part', (secret: string) => `"${secret.slice(7, 22)}…"`],
  ['in JSON within JSON', (secret: string) => JSON.stringify(JSON.stringify({ secret }))],
])('the hunt finds a secret %s, and nothing without one', (_form, encode) => {
  const hunt = startHunt();
  hunt.hide('password', makeCanary());
  hunt.see('stderr', `{"level":30,"msg":"${encode(makeCanary())}"}`);
  expect(hunt.found()).toEqual([]);
  const secret = hunt.hide('AAD', makeCanary());
  hunt.see('stderr', `{"level":30,"msg":"${encode(secret)}"}`);
  expect(hunt.found()).not.toEqual([]);
});
