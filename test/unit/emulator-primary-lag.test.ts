import { expect, test } from 'vitest';
import { primaryOf, startTestEmulator, textAt } from '../support/emulator-client.ts';

const keyOne = '/kms/v1/keys/key-1';
const lagMs = 60_000;

async function startLagging() {
  const clock = { now: 1_000_000 };
  const { emulator, client } = await startTestEmulator({ now: () => clock.now, primaryLagMs: lagMs });
  const encryptingVersion = async (versionId = '') =>
    textAt(await client.post(`${keyOne}:encrypt`, { plaintext: 'YQ==', versionId }), 'versionId');
  const rotate = async () => {
    await client.post(`${keyOne}:rotate`, {});
    return primaryOf(emulator, 'key-1');
  };
  return { client, clock, encryptingVersion, rotate, first: primaryOf(emulator, 'key-1') };
}

test('a new key is usable at once', async () => {
  const { encryptingVersion, first } = await startLagging();
  expect(await encryptingVersion()).toBe(first);
  expect(await encryptingVersion(first)).toBe(first);
});

test('until the lag is over, 200 comes with the old version, even for one who asks for the new one', async () => {
  const { client, clock, encryptingVersion, rotate, first } = await startLagging();
  const second = await rotate();
  clock.now += lagMs - 1;
  expect(await encryptingVersion()).toBe(first);
  expect(await encryptingVersion(second)).toBe(first);
  const ciphertext = textAt(await client.post(`${keyOne}:encrypt`, { plaintext: 'YQ==' }), 'ciphertext');
  const request = { sourceKeyId: 'key-1', versionId: second, ciphertext };
  expect((await client.post(`${keyOne}:reEncrypt`, request)).json).toMatchObject({ versionId: first });
  // The control plane knows at once.
  expect(textAt(await client.get(keyOne), 'primaryVersion.id')).toBe(second);

  clock.now += 1;
  expect(await encryptingVersion()).toBe(second);
  expect((await client.post(`${keyOne}:reEncrypt`, request)).json).toMatchObject({ versionId: second });
});

test('rotations within the lag are seen one after the other', async () => {
  const { clock, encryptingVersion, rotate, first } = await startLagging();
  const second = await rotate();
  clock.now += lagMs / 2;
  const third = await rotate();
  expect(await encryptingVersion(third)).toBe(first);
  clock.now += lagMs / 2;
  expect(await encryptingVersion()).toBe(second);
  expect(await encryptingVersion(third)).toBe(second);
  clock.now += lagMs / 2;
  expect(await encryptingVersion()).toBe(third);
});

test('a primary set back is seen late, but an old version asked for is used at once', async () => {
  const { client, clock, encryptingVersion, rotate, first } = await startLagging();
  const second = await rotate();
  clock.now += lagMs;
  await client.post(`${keyOne}:setPrimaryVersion`, { versionId: first });
  expect(await encryptingVersion()).toBe(second);
  expect(await encryptingVersion(first)).toBe(first);
  clock.now += lagMs;
  expect(await encryptingVersion()).toBe(first);
});

test('an old primary that is scheduled for destruction is not lagged into', async () => {
  const { client, encryptingVersion, rotate, first } = await startLagging();
  const second = await rotate();
  await client.post(`${keyOne}:scheduleVersionDestruction`, { versionId: first });
  expect(await encryptingVersion()).toBe(second);
});

test('an unknown version is refused, lag or not', async () => {
  const { client } = await startLagging();
  const reply = await client.post(`${keyOne}:encrypt`, { plaintext: 'YQ==', versionId: 'absent' });
  expect(reply).toMatchObject({ status: 404, json: { code: 5 } });
});
