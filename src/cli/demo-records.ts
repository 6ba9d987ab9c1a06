import pLimit from 'p-limit';
import { request } from 'undici';
import type { SqlPool } from '../broker/postgres/pool.ts';
import type { Emulator } from '../kms/emulator/server.ts';
import { createYandexKeyService, type YandexKeyService } from '../kms/yandex/client.ts';
import { demoKey, type DemoKind } from './demo-kind.ts';
import type { Output } from './output.ts';
import { openProgress } from './progress.ts';

const callsAtATime = 32;
const rowsPerStatement = 500;
/** Records that are opened again at the end. */
const openedAgain = 100;

export interface DemoRecords {
  readonly sql: SqlPool;
  readonly emulator: Emulator;
  readonly kind: DemoKind;
  readonly records: number;
  readonly output: Output;
}

/** Fills `customers` with records under the key's first version, then rotates the key. */
export async function seedRecords({ sql, emulator, kind, records, output }: DemoRecords): Promise<void> {
  const progress = openProgress('encrypt', { done: 0, total: records }, output);
  await sql.query(`CREATE TABLE customers (id bigint PRIMARY KEY, ssn ${kind.column} NOT NULL)`);
  await withKms(emulator, async (kms) => {
    for (let first = 1; first <= records; first += rowsPerStatement) {
      const ids = Array.from(
        { length: Math.min(rowsPerStatement, records - first + 1) },
        (_, index) => first + index,
      );
      const values = await atATime(ids, (id) => kind.seal(kms, plaintextOf(id), aadOf(id)));
      const texts = values.map((value) => value.toString(kind.column === 'text' ? 'utf8' : 'base64'));
      await sql.query(
        `INSERT INTO customers SELECT id, ${kind.column === 'text' ? 'value' : "decode(value, 'base64')"}
           FROM unnest($1::bigint[], $2::text[]) AS seeds (id, value)`,
        [ids.map(String), texts],
      );
      progress.update(first + ids.length - 1);
    }
  });
  progress.stop();
  await rotateKey(emulator);
  output.line(`${records} ${kind.described}; the key is rotated`);
}

/**
 * Opens some of the records as the application would; throws where one does not hold what was put into it.
 */
export async function openAgain({ sql, emulator, kind, output }: DemoRecords): Promise<void> {
  const { rows } = await sql.query(
    `SELECT id::text, encode(${kind.column === 'text' ? "convert_to(ssn, 'UTF8')" : 'ssn'}, 'base64') AS value
       FROM customers ORDER BY random() LIMIT $1`,
    [openedAgain],
  );
  await withKms(emulator, (kms) =>
    atATime(rows, async (row) => {
      const id = Number(row['id']);
      const value = Buffer.from(String(row['value']), 'base64');
      const plaintext = await kind.open(kms, value, aadOf(id));
      if (!plaintext.equals(plaintextOf(id))) throw new TypeError(`record ${id} holds another plaintext`);
    }),
  );
  output.line(`${rows.length} of the ${kind.afterwards}`);
}

function plaintextOf(id: number): Buffer {
  return Buffer.from(`ssn-${String(id).padStart(9, '0')}`);
}

function aadOf(id: number): Buffer {
  return Buffer.from(`customer/${id}`);
}

async function withKms<T>(
  { endpoint, token }: Emulator,
  work: (kms: YandexKeyService) => Promise<T>,
): Promise<T> {
  const auth = { kind: 'iamToken', token } as const;
  const kms = createYandexKeyService({ endpoint, auth, timeoutMs: 10_000, concurrency: callsAtATime });
  try {
    return await work(kms);
  } finally {
    await kms.close();
  }
}

function atATime<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const limit = pLimit(callsAtATime);
  return Promise.all(items.map((item) => limit(() => work(item))));
}

async function rotateKey({ endpoint, token }: Emulator): Promise<void> {
  const { statusCode, body } = await request(`${endpoint}/kms/v1/keys/${demoKey}:rotate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  });
  await body.dump();
  if (statusCode !== 200) throw new TypeError(`the emulator refused to rotate the key: HTTP ${statusCode}`);
}
