// What people write: every row read, p-limit, global fetch, one UPDATE per row. `CONCURRENCY=1` is the serial script.
import pLimit from 'p-limit';
import pg from 'pg';

const { DATABASE, ENDPOINT, TOKEN, CONCURRENCY, RECORDS } = process.env;
const sql = new pg.Pool({ connectionString: DATABASE, max: 10 });
const startedAt = performance.now();
const { rows } = await sql.query('SELECT id::text, ssn FROM customers ORDER BY id LIMIT $1', [RECORDS]);
const limit = pLimit(Number(CONCURRENCY));
await Promise.all(
  rows.map((row) =>
    limit(async () => {
      const aad = Buffer.from(`customer/${row.id}`).toString('base64');
      const response = await fetch(`${ENDPOINT}/kms/v1/keys/k1:reEncrypt`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          sourceKeyId: 'k1',
          sourceAadContext: aad,
          aadContext: aad,
          ciphertext: row.ssn.toString('base64'),
        }),
      });
      if (!response.ok) throw new Error(await response.text());
      const { ciphertext } = await response.json();
      await sql.query('UPDATE customers SET ssn = $2 WHERE id = $1', [
        row.id,
        Buffer.from(ciphertext, 'base64'),
      ]);
    }),
  ),
);
process.stdout.write(JSON.stringify({ perSecond: (rows.length * 1000) / (performance.now() - startedAt) }));
await sql.end();
