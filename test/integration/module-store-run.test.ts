import { copyFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEmulator, type Emulator } from '../../src/kms/emulator/server.ts';
import { createYandexKeyService, type YandexKeyService } from '../../src/kms/yandex/client.ts';
import { runCli } from '../support/cli.ts';
import { freshRedis } from '../support/peers.ts';
import { createJsonlDirectory, jsonlModule } from '../support/jsonl-store/jsonl-directory.ts';

const records = 60;
const files = ['eu.jsonl', 'us.jsonl'] as const;

describe('run over a store of the user’s own', () => {
  let emulator: Emulator;
  let kms: YandexKeyService;
  let directory: Awaited<ReturnType<typeof createJsonlDirectory>>;
  let config: string;
  let broker: Awaited<ReturnType<typeof freshRedis>>;
  let versions: { old: string; current: string };

  const aadOf = (id: string): Uint8Array => Buffer.from(`customer/${id}`);

  async function writeConfig(name: string, module: string): Promise<string> {
    const path = join(directory.folder, name);
    const text = JSON.stringify({
      rotation: 'customers',
      broker: broker.url,
      kms: { provider: 'yandex', endpoint: emulator.endpoint, auth: { iamToken: emulator.token } },
      source: { keyId: 'k1', aadContext: 'customer/{id}' },
      target: { keyId: 'k1', aadContext: 'customer/{id}' },
      store: { type: 'module', module, options: { directory: './customers' } },
      format: 'base64',
      limits: { rate: 'none', batchSize: 20 },
    });
    await writeFile(path, text);
    return path;
  }

  beforeAll(async () => {
    broker = await freshRedis();
    emulator = await startEmulator({ port: 0, keys: ['k1'] });
    kms = createYandexKeyService({
      endpoint: emulator.endpoint,
      auth: { kind: 'iamToken', token: emulator.token },
      timeoutMs: 10_000,
      concurrency: 32,
    });
    const lines = await Promise.all(
      Array.from({ length: records }, async (_, index) => {
        const id = `c-${index}`;
        const { ciphertext } = await kms.encrypt({
          keyId: 'k1',
          aad: aadOf(id),
          plaintext: Buffer.from(`plain-${id}`),
        });
        return { id, tenant: `t-${index % 7}`, value: Buffer.from(ciphertext).toString('base64') };
      }),
    );
    const [eu, us] = files;
    directory = await createJsonlDirectory({ [eu]: lines.slice(0, 35), [us]: lines.slice(35) });
    for (const file of ['my-store.js', 'file-lock.js'])
      await copyFile(join(dirname(jsonlModule), file), join(directory.folder, file));
    const old = await kms.currentVersion('k1');
    const rotated = await fetch(`${emulator.endpoint}/kms/v1/keys/k1:rotate`, {
      method: 'POST',
      headers: { authorization: `Bearer ${emulator.token}`, 'content-type': 'application/json' },
      body: '{}',
    });
    expect(rotated.status).toBe(200);
    versions = { old, current: await kms.currentVersion('k1') };
    config = await writeConfig('rotation.yaml', './my-store.js');
  });
  afterAll(async () => {
    await kms.close();
    await emulator.close();
    await directory.remove();
    await broker.flush();
  });

  test('check opens the module from the config’s folder, wherever it is run', async () => {
    const { code, stdout, stderr } = await runCli(['check', '-c', config]);
    expect(stdout, stderr).toContain('2 JSONL files');
    expect(code).toBe(0);
  });

  test('a module that is not there is an error of the config, in words', async () => {
    const wrong = await writeConfig('wrong.yaml', './elsewhere.js');
    const { code, stdout } = await runCli(['check', '-c', wrong]);
    expect(stdout).toContain('./elsewhere.js cannot be found');
    expect(code).toBe(2);
  });

  test('every record comes under the new version, and nothing else changes', async () => {
    const before = (await Promise.all(files.map(directory.readLines))).flat();
    const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json']);
    expect(stderr).not.toContain('INTERNAL_ERROR');
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'finished',
      total: records,
      rotated: records,
      failed: 0,
      certificate: { verdict: 'safe-to-retire', records, byVersion: { [versions.current]: records } },
    });
    expect(code).toBe(0);

    const after = (await Promise.all(files.map(directory.readLines))).flat();
    expect(after.map(({ id, tenant }) => ({ id, tenant }))).toEqual(
      before.map(({ id, tenant }) => ({ id, tenant })),
    );
    for (const { id, value } of after) {
      const ciphertext = Buffer.from(value ?? '', 'base64');
      expect(kms.readVersion(ciphertext)).toBe(versions.current);
      const { plaintext } = await kms.decrypt({ keyId: 'k1', aad: aadOf(id), ciphertext });
      expect(Buffer.from(plaintext).toString()).toBe(`plain-${id}`);
    }
    expect(await directory.files()).toEqual([...files]);
  });
});
