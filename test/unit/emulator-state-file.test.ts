import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { startEmulator } from '../../src/kms/emulator/server.ts';
import { primaryOf, startTestEmulator, textAt } from '../support/emulator-client.ts';

const keyOne = '/kms/v1/keys/key-1';

async function newStateFile(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'keyturn-emulator-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return join(directory, 'state.json');
}

describe('after a restart', () => {
  test('keys, versions, states and ciphertexts are as they were', async () => {
    const stateFile = await newStateFile();
    const before = await startTestEmulator({ stateFile });
    const first = primaryOf(before.emulator, 'key-1');
    const encrypted = await before.client.post(`${keyOne}:encrypt`, { plaintext: 'YQ==' });
    await before.client.post(`${keyOne}:rotate`, {});
    const second = primaryOf(before.emulator, 'key-1');
    const another = await before.client.post(`${keyOne}:encrypt`, { plaintext: 'Yg==' });
    await before.client.post(`${keyOne}:scheduleVersionDestruction`, { versionId: first });
    const hsm = { defaultAlgorithm: 'AES_256_HSM', labels: { team: 'a' }, folderId: 'folder-1' };
    const created = textAt(await before.client.post('/kms/v1/keys', hsm), 'response.id');
    const inactive = JSON.stringify({ updateMask: 'status', status: 'INACTIVE' });
    await before.client.send('PATCH', `/kms/v1/keys/${created}`, inactive);
    const paths = [keyOne, `${keyOne}/versions`, `/kms/v1/keys/${created}`, '/kms/v1/keys?folderId=emulator'];
    const shownBefore = await Promise.all(paths.map(async (path) => (await before.client.get(path)).json));
    await before.emulator.close();

    const after = await startTestEmulator({ stateFile, keys: ['key-1', 'key-3'] });
    expect(after.emulator.keys.map(({ keyId }) => keyId)).toEqual(['key-1', 'key-2', created, 'key-3']);
    expect(primaryOf(after.emulator, 'key-1')).toBe(second);
    await after.client.post(`${keyOne}:cancelVersionDestruction`, { versionId: first });
    for (const [reply, plaintext] of [
      [encrypted, 'YQ=='],
      [another, 'Yg=='],
    ] as const) {
      const request = { ciphertext: textAt(reply, 'ciphertext') };
      expect(textAt(await after.client.post(`${keyOne}:decrypt`, request), 'plaintext')).toBe(plaintext);
    }
    await after.client.post(`${keyOne}:scheduleVersionDestruction`, { versionId: first });
    const [, , createdBefore] = shownBefore;
    expect((await after.client.get(`/kms/v1/keys/${created}`)).json).toEqual(createdBefore);
    expect((await after.client.get(keyOne)).json).toEqual(shownBefore[0]);
  });

  test('without a state file nothing is left', async () => {
    const before = await startTestEmulator();
    const ciphertext = textAt(
      await before.client.post(`${keyOne}:encrypt`, { plaintext: 'YQ==' }),
      'ciphertext',
    );
    await before.emulator.close();
    const after = await startTestEmulator();
    expect((await after.client.post(`${keyOne}:decrypt`, { ciphertext })).status).toBe(400);
  });

  test('the secret of a destroyed version is not in the file any more', async () => {
    const stateFile = await newStateFile();
    const clock = { now: 1_000_000 };
    const { emulator, client } = await startTestEmulator({ stateFile, now: () => clock.now });
    const versionId = primaryOf(emulator, 'key-1');
    await client.post(`${keyOne}:rotate`, {});
    await client.post(`${keyOne}:scheduleVersionDestruction`, { versionId, pendingPeriod: '1s' });
    clock.now += 1000;
    await client.post(`${keyOne}:rotate`, {});
    expect(JSON.parse(await readFile(stateFile, 'utf8'))).toMatchObject({
      keys: [{ versions: [{ id: versionId, secret: null }, { secret: expect.any(String) }, {}] }, {}],
    });
  });
});

describe('the file', () => {
  test('is for its owner only and has no leftovers beside it', async () => {
    const stateFile = await newStateFile();
    await writeFile(`${stateFile}.tmp`, 'left by a crash', { mode: 0o644 });
    const { client } = await startTestEmulator({ stateFile });
    expect((await stat(stateFile)).mode & 0o777).toBe(0o600);
    await client.post(`${keyOne}:rotate`, {});
    expect((await stat(stateFile)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(stateFile, '..'))).toEqual(['state.json']);
  });

  test('is not written through a link that lies where it is prepared', async () => {
    const stateFile = await newStateFile();
    const victim = join(stateFile, '..', 'victim');
    await writeFile(victim, 'untouched');
    await symlink(victim, `${stateFile}.tmp`);
    await startTestEmulator({ stateFile });
    expect(await readFile(victim, 'utf8')).toBe('untouched');
  });

  test('is whole at every moment, and holds every change whose answer was given', async () => {
    const stateFile = await newStateFile();
    const { emulator, client } = await startTestEmulator({ stateFile });
    const written = new AbortController();
    const reading = (async () => {
      let reads = 0;
      for (; !written.signal.aborted; reads++) JSON.parse(await readFile(stateFile, 'utf8'));
      return reads;
    })();
    const rotations = Array.from({ length: 40 }, () => client.post(`${keyOne}:rotate`, {}));
    const replies = await Promise.all(rotations);
    written.abort();
    expect(await reading).toBeGreaterThan(0);
    const stored = await readFile(stateFile, 'utf8');
    for (const reply of replies) expect(stored).toContain(textAt(reply, 'metadata.newPrimaryVersionId'));
    await emulator.close();
    const again = await startTestEmulator({ stateFile });
    const versions = await again.client.get(`${keyOne}/versions`);
    expect(versions.text.match(/"primary":/g)).toHaveLength(41);
  });

  test('that cannot be written makes the change fail, and nothing is encrypted under what would be lost', async () => {
    const stateFile = await newStateFile();
    const { emulator, client } = await startTestEmulator({ stateFile });
    const before = primaryOf(emulator, 'key-1');
    const stored = await readFile(stateFile, 'utf8');
    await mkdir(`${stateFile}.tmp`);
    const reply = await client.post(`${keyOne}:rotate`, {});
    const message: unknown = expect.stringContaining(stateFile);
    expect(reply).toMatchObject({ status: 500, json: { code: 13, message } });
    expect(primaryOf(emulator, 'key-1')).toBe(before);
    expect(await readFile(stateFile, 'utf8')).toBe(stored);
    await rm(`${stateFile}.tmp`, { recursive: true });
    expect((await client.post(`${keyOne}:rotate`, {})).status).toBe(200);
  });

  test('is finished when close returns', async () => {
    const stateFile = await newStateFile();
    const { emulator, client } = await startTestEmulator({ stateFile });
    const rotations = Array.from({ length: 20 }, () =>
      client.post(`${keyOne}:rotate`, {}).catch(() => 'cut'),
    );
    await Promise.race(rotations);
    await emulator.close();
    const stored = await readFile(stateFile, 'utf8');
    expect(await readdir(join(stateFile, '..'))).toEqual(['state.json']);
    expect(stored).toContain(primaryOf(emulator, 'key-1'));
    await Promise.all(rotations);
    expect(await readFile(stateFile, 'utf8')).toBe(stored);
  });
});

describe('a file that is no good is refused, named, and not overwritten', () => {
  test('when it is damaged in any place', async () => {
    const stateFile = await newStateFile();
    const { emulator } = await startTestEmulator({ stateFile });
    await emulator.close();
    const good = await readFile(stateFile, 'utf8');
    const secret = /"secret": "([^"]+)"/.exec(good)?.[1] ?? '';
    const versionId = primaryOf(emulator, 'key-1');
    for (const bad of [
      '',
      'rubbish',
      '[]',
      '{}',
      good.slice(0, -10),
      good.slice(0, good.length / 2),
      good.replace('emulator-1', 'emulator-2'),
      good.replace('"keys"', '"kees"'),
      good.replace(secret, 'YWJj'),
      good.replace(secret, ''),
      good.replace(secret, '***'),
      good.replace('AES_256', 'AES_999'),
      good.replace('ACTIVE', 'BROKEN'),
      good.replace(`"versionId": "${versionId}"`, '"versionId": "absent"'),
      good.replace('"createdAt": ', '"createdAt": -0.5'),
    ]) {
      expect(bad).not.toBe(good);
      await writeFile(stateFile, bad);
      const starting = startEmulator({ port: 0, keys: [], stateFile });
      await expect(starting).rejects.toThrow(
        expect.objectContaining({
          faultClass: 'usage',
          code: 'STATE_FILE_CORRUPT',
          message: expect.stringContaining(stateFile),
          cause: undefined,
        }),
      );
      expect(await readFile(stateFile, 'utf8')).toBe(bad);
    }
  });

  test('when it cannot be read or its directory is missing', async () => {
    const stateFile = await newStateFile();
    await mkdir(stateFile);
    await expect(startEmulator({ port: 0, keys: ['a'], stateFile })).rejects.toThrow(
      expect.objectContaining({ faultClass: 'usage', code: 'STATE_FILE_UNREADABLE' }),
    );
    const missing = join(stateFile, 'missing', 'state.json');
    await expect(startEmulator({ port: 0, keys: ['a'], stateFile: missing })).rejects.toThrow(
      expect.objectContaining({ code: 'STATE_FILE_UNWRITABLE', message: expect.stringContaining(missing) }),
    );
  });
});
