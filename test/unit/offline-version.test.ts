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
  const opened = { ciphertexts: [new Uint8Array(1)], aad: 'template' } as const;
  expect(isOnPinOffline(goal, opened, keyVersion, { readVersion: () => header })).toBe(skipped);
});

test.each([
  ['all on the pin', ['v2', 'v2'], null, true],
  ['one of them under an old version', ['v2', 'v1'], 'v2', false],
  ['one that does not tell', ['v2', null], null, false],
  ['one that does not tell, and a note', ['v2', null], 'v2', true],
] as const)('a record of two ciphertexts is skipped as a whole: %s', (_what, versions, note, skipped) => {
  const ciphertexts = versions.map((_, place) => Uint8Array.of(place));
  const keyService = { readVersion: ([place = 0]: Uint8Array) => versions[place] ?? null };
  expect(isOnPinOffline(same, { ciphertexts, aad: 'template' }, note, keyService)).toBe(skipped);
});

test('where a format has no AAD, a change of the template changes nothing for it', () => {
  const opened = { ciphertexts: [new Uint8Array(1)], aad: 'none' } as const;
  expect(isOnPinOffline(newAad, opened, null, { readVersion: () => 'v2' })).toBe(true);
});
