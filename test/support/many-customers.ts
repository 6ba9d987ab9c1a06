import pg from 'pg';
import { seal } from '../../src/kms/emulator/ciphertext.ts';
import { loadState } from '../../src/kms/emulator/state-file.ts';

/** The AAD of each of them, as a template. */
export const customersAad = 'customer/{id}';

/**
 * A table `customers (id, ssn)` of so many distinct values that the emulator can open, made by its own cipher in
 * bulk. `stateFile`: the emulator's, whose key `k1` they are under.
 */
export async function seedCustomers(
  sql: pg.Pool | pg.Client,
  stateFile: string,
  records: number,
): Promise<void> {
  const version = (await loadState(stateFile))?.keys.get('k1')?.versions.at(-1);
  const secret = version?.secret ?? null;
  if (version === undefined || secret === null) throw new Error('the emulator has no key');
  await sql.query('CREATE TABLE customers (id bigint PRIMARY KEY, ssn bytea)');
  const chunk = 10_000;
  for (let start = 0; start < records; start += chunk) {
    const ids = Array.from({ length: Math.min(chunk, records - start) }, (_, index) =>
      String(start + index + 1),
    );
    const values = ids.map((id) => {
      const binding = { keyId: 'k1', aadContext: Buffer.from(customersAad.replace('{id}', id)) };
      return seal(secret, version.id, binding, Buffer.from(`plain-${id}`));
    });
    await sql.query('INSERT INTO customers SELECT * FROM unnest($1::bigint[], $2::bytea[])', [ids, values]);
  }
}
