import pg from 'pg';
import { request } from 'undici';
import { startEmulator, type Emulator, type EmulatorOptions } from '../../src/kms/emulator/server.ts';
import { createYandexKeyService, type YandexKeyService } from '../../src/kms/yandex/client.ts';
import { freshDatabase } from './peers.ts';

/** A table of customers with a composite key and awkward names, whose values an emulated KMS encrypted. */
export interface Customers {
  readonly emulator: Emulator;
  readonly kms: YandexKeyService;
  readonly sql: pg.Pool;
  readonly url: string;
  /** The config's `kms`, `source`, `target`, `store` and `format`. */
  readonly config: object;
  /** Encrypts as the application does, under the primary version, or `versionId`. */
  encrypt(id: string, plaintext: string, versionId?: string): Promise<string>;
  /** Each row's plaintext and version, and what else it holds. */
  decryptAll(): Promise<{ id: string; plaintext: string | null; note: string | null }[]>;
  rotateKey(): Promise<{ old: string; current: string }>;
  close(): Promise<void>;
}

export const customersTable = '"acct app"."Weird ""Table"';
const column = 'ssn "enc"';

export async function createCustomers(
  count: number,
  options: Partial<EmulatorOptions> = {},
): Promise<Customers> {
  const emulator = await startEmulator({ port: 0, keys: ['k1'], ...options });
  const database = await freshDatabase();
  const sql = new pg.Pool({ connectionString: database.url, max: 8 });
  // `end` does not wait for the connections' own end, so the drop of the database may still cut one.
  sql.on('error', () => undefined);
  const kms = createYandexKeyService({
    endpoint: emulator.endpoint,
    auth: { kind: 'iamToken', token: emulator.token },
    timeoutMs: 10_000,
    concurrency: 32,
  });

  async function encrypt(id: string, plaintext: string, versionId?: string): Promise<string> {
    const { ciphertext } = await kms.encrypt({
      keyId: 'k1',
      aad: Buffer.from(`customer/${id}`),
      plaintext: Buffer.from(plaintext),
      ...(versionId === undefined ? {} : { versionId }),
    });
    return Buffer.from(ciphertext).toString('base64');
  }

  await sql.query('CREATE SCHEMA "acct app"');
  await sql.query(`CREATE TABLE ${customersTable} (
    "tenant""s" text, "Id" bigint, "ssn ""enc""" text, note text, updated_at timestamptz DEFAULT now(),
    PRIMARY KEY ("tenant""s", "Id"))`);
  const ids = Array.from({ length: count }, (_, index) => String(9_007_199_254_740_993n + BigInt(index)));
  const values = await Promise.all(ids.map((id) => encrypt(id, `plain-${id}`)));
  await sql.query(
    `INSERT INTO ${customersTable} ("tenant""s", "Id", "ssn ""enc""", note)
     SELECT 'it''s "me"', id, value, 'note-' || id FROM unnest($1::bigint[], $2::text[]) AS r(id, value)`,
    [ids, values],
  );

  return {
    emulator,
    kms,
    sql,
    url: database.url,
    config: {
      kms: { provider: 'yandex', endpoint: emulator.endpoint, auth: { iamToken: emulator.token } },
      source: { keyId: 'k1', aadContext: 'customer/{Id}' },
      target: { keyId: 'k1', aadContext: 'customer/{Id}' },
      store: { type: 'postgres', url: database.url, table: customersTable, key: ['tenant"s', 'Id'], column },
      format: 'base64',
    },
    encrypt,
    async decryptAll() {
      const { rows } = await sql.query(
        `SELECT "Id"::text AS id, "ssn ""enc""" AS value, note FROM ${customersTable} ORDER BY "Id"`,
      );
      return Promise.all(
        rows.map(async ({ id, value, note }: { id: string; value: string | null; note: string | null }) => {
          if (value === null) return { id, plaintext: null, note };
          const opened = await kms.decrypt({
            keyId: 'k1',
            aad: Buffer.from(`customer/${id}`),
            ciphertext: Buffer.from(value, 'base64'),
          });
          return { id, plaintext: Buffer.from(opened.plaintext).toString(), note };
        }),
      );
    },
    async rotateKey() {
      const old = await kms.currentVersion('k1');
      const { statusCode, body } = await request(`${emulator.endpoint}/kms/v1/keys/k1:rotate`, {
        method: 'POST',
        headers: { authorization: `Bearer ${emulator.token}`, 'content-type': 'application/json' },
        body: '{}',
      });
      await body.dump();
      if (statusCode !== 200) throw new Error(`rotate: HTTP ${statusCode}`);
      return { old, current: await kms.currentVersion('k1') };
    },
    async close() {
      await kms.close();
      await emulator.close();
      await sql.end();
      await database.drop();
    },
  };
}
