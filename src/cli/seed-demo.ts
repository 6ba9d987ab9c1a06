import pLimit from 'p-limit';
import { request } from 'undici';
import type { SqlPool } from '../broker/postgres/pool.ts';
import { createYandexKeyService } from '../kms/yandex/client.ts';
import type { Emulator } from '../kms/emulator/server.ts';
import type { Output } from './output.ts';
import { openProgress } from './progress.ts';

const callsAtATime = 32;
const rowsPerInsert = 500;

export interface DemoSeed {
  readonly sql: SqlPool;
  readonly emulator: Emulator;
  readonly records: number;
  readonly output: Output;
}

/** The value that the made-up application encrypts for a customer. */
function demoPlaintext(id: number): string {
  return `ssn-${String(id).padStart(9, '0')}`;
}

/** Fills `customers` with records under the key's first version, then rotates the key. */
export async function seedDemo({ sql, emulator, records, output }: DemoSeed): Promise<void> {
  const { endpoint, token } = emulator;
  const kms = createYandexKeyService({
    endpoint,
    auth: { kind: 'iamToken', token },
    timeoutMs: 10_000,
    concurrency: callsAtATime,
  });
  const limit = pLimit(callsAtATime);
  const progress = openProgress('encrypt', { done: 0, total: records }, output);
  await sql.query('CREATE TABLE customers (id bigint PRIMARY KEY, ssn text NOT NULL)');
  for (let first = 1; first <= records; first += rowsPerInsert) {
    const ids = Array.from(
      { length: Math.min(rowsPerInsert, records - first + 1) },
      (_, index) => first + index,
    );
    const ciphertexts = await Promise.all(
      ids.map((id) =>
        limit(async () => {
          const { ciphertext } = await kms.encrypt({
            keyId: 'demo',
            plaintext: Buffer.from(demoPlaintext(id)),
            aad: Buffer.from(`customer/${id}`),
          });
          return Buffer.from(ciphertext).toString('base64');
        }),
      ),
    );
    await sql.query('INSERT INTO customers SELECT * FROM unnest($1::bigint[], $2::text[])', [
      ids.map(String),
      ciphertexts,
    ]);
    progress.update(first + ids.length - 1);
  }
  progress.stop();
  await kms.close();
  const { statusCode, body } = await request(`${endpoint}/kms/v1/keys/demo:rotate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  });
  await body.dump();
  if (statusCode !== 200) throw new TypeError(`the emulator refused to rotate the key: HTTP ${statusCode}`);
  output.line(`${records} records encrypted under version 1 of key demo; the key is rotated`);
}
