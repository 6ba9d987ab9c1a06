import { expect, test } from 'vitest';
import { isOnPinOffline } from '../../src/rotation/offline-version.ts';
import { goalOf } from '../support/core.ts';

const same = goalOf();
const newAad = goalOf({ targetAad: 'd/{id}' });

test.each([
  ['header says the pin', same, 'v2', null, true],
  ['header says an old version', same, 'v1', null, false],
  ['header says an old version, the note the pin: the application forgot the note', same, 'v1', 'v2', false],
  ['no header, the note says the pin', same, null, 'v2', true],
  ['no header, the note says an old version', same, null, 'v1', false],
  ['neither header nor note', same, null, null, false],
  ['header says the pin, but AAD changes and nobody noted it', newAad, 'v2', null, false],
  ['header and note say the pin, and AAD changes', newAad, 'v2', 'v2', true],
] as const)('skip without a call? %s', (_what, goal, header, keyVersion, skipped) => {
  const record = { ref: '1', value: new Uint8Array(), fields: {}, keyVersion, revision: null };
  expect(isOnPinOffline(goal, record, header)).toBe(skipped);
});
