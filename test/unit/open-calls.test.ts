import { expect, test } from 'vitest';
import { openCalls } from '../../src/cli/open-calls.ts';
import { createFreePace, createCore } from '../support/core.ts';
import { minimalConfig, parseWith } from '../support/parse-config.ts';

const observer = { waited: () => undefined, saved: () => undefined, fault: () => undefined };

test.each([
  ['t/{tenant}/{id}', ['tenant', 'id'], true],
  ['t/{tenant}', ['tenant', 'id'], false],
  ['{id}', ['id'], true],
  [null, ['id'], false],
])('AAD %s of a table with the key %s is of each record its own: %s', (aadContext, key, own) => {
  const source = { keyId: 'abj1', ...(aadContext !== null && { aadContext }) };
  const { config } = parseWith({ source, target: source, store: { ...minimalConfig.store, key } });
  expect(openCalls(config, createCore().kms, createFreePace(), observer).aadIsOwn).toBe(own);
});
