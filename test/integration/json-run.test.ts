import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startEmulator } from '../../src/kms/emulator/server.ts';
import { createYandexKeyService } from '../../src/kms/yandex/client.ts';
import { runCli, writeConfig } from '../support/cli.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';

const records = 40;

test.each(['text', 'json', 'jsonb'])(
  'two ciphertexts in a document of type %s come under the new version, and all else stays as it was',
  async (type) => {
    const emulator = await startEmulator({ port: 0, keys: ['k1'] });
    const auth = { kind: 'iamToken', token: emulator.token } as const;
    const kms = createYandexKeyService({
      endpoint: emulator.endpoint,
      auth,
      timeoutMs: 10_000,
      concurrency: 8,
    });
    const [database, broker] = [await freshDatabase(), await freshRedis()];
    const sql = new pg.Pool({ connectionString: database.url, max: 2 });
    sql.on('error', () => undefined);
    onTestFinished(async () => {
      await Promise.all([kms.close(), emulator.close(), broker.flush(), sql.end()]);
      await database.drop();
    });

    const encrypt = async (text: string, id: number): Promise<string> => {
      const request = { keyId: 'k1', plaintext: Buffer.from(text), aad: Buffer.from(`doc/${id}`) };
      return Buffer.from((await kms.encrypt(request)).ciphertext).toString('base64');
    };
    // Blanks, a number and an order that no parser would write again.
    const document = (id: number, ssn: string, card: string): string =>
      `{ "z": 1.50,\t"ssn": "${ssn}", "cards": [ {"n":"${card}"} ], "id":${id} }`;
    await sql.query(`CREATE TABLE documents (id int PRIMARY KEY, body ${type} NOT NULL)`);
    for (let id = 1; id <= records; id += 1) {
      const body = document(id, await encrypt(`ssn ${id}`, id), await encrypt(`card ${id}`, id));
      await sql.query('INSERT INTO documents VALUES ($1, $2)', [id, body]);
    }
    const headers = { authorization: `Bearer ${emulator.token}` };
    await fetch(`${emulator.endpoint}/kms/v1/keys/k1:rotate`, { method: 'POST', headers });

    const use = { keyId: 'k1', aadContext: 'doc/{id}' };
    const config = await writeConfig({
      rotation: 'documents',
      broker: broker.url,
      kms: { provider: 'yandex', endpoint: emulator.endpoint, auth: { iamToken: emulator.token } },
      source: use,
      target: use,
      store: { type: 'postgres', url: database.url, table: 'documents', key: ['id'], column: 'body' },
      format: { json: ['/ssn', '/cards/0/n'], format: 'base64' },
      limits: { rate: 'none' },
    });
    const { code, stdout, stderr } = await runCli(['run', '-c', config, '--json', '--deep']);
    expect(code, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      rotated: records,
      certificate: { verdict: 'safe-to-retire' },
    });

    const current = await kms.currentVersion('k1');
    const { rows } = await sql.query<{ id: number; body: string }>('SELECT id, body::text FROM documents');
    for (const { id, body } of rows) {
      const { ssn, cards, ...rest } = JSON.parse(body);
      const texts = [ssn, cards[0].n];
      if (type !== 'jsonb') expect(body).toBe(document(id, ssn, cards[0].n));
      expect(rest).toEqual({ z: 1.5, id });
      for (const [place, text] of texts.entries()) {
        const ciphertext = Buffer.from(text, 'base64');
        const opened = await kms.decrypt({ keyId: 'k1', ciphertext, aad: Buffer.from(`doc/${id}`) });
        const expected = [`ssn ${id}`, `card ${id}`][place];
        expect([Buffer.from(opened.plaintext).toString(), opened.versionId]).toEqual([expected, current]);
      }
    }
  },
  60_000,
);
