// The usual queue: one BullMQ job for each ciphertext, one UPDATE per row.
import { Queue, Worker } from 'bullmq';
import pg from 'pg';

const { DATABASE, ENDPOINT, TOKEN, CONCURRENCY, RECORDS, BROKER } = process.env;
const { hostname: host, port, pathname } = new URL(BROKER);
const connection = { host, port: Number(port), db: Number(pathname.slice(1)), maxRetriesPerRequest: null };
const sql = new pg.Pool({ connectionString: DATABASE, max: 10 });
const { rows } = await sql.query('SELECT id::text, ssn FROM customers ORDER BY id LIMIT $1', [RECORDS]);
const queue = new Queue('rival', { connection });
const startedAt = performance.now();
for (let start = 0; start < rows.length; start += 1000)
  await queue.addBulk(
    rows.slice(start, start + 1000).map(({ id, ssn }) => ({
      name: 'rotate',
      data: { id, ciphertext: ssn.toString('base64') },
      opts: { removeOnComplete: true },
    })),
  );
let done = 0;
await new Promise((resolve, reject) => {
  const worker = new Worker(
    'rival',
    async ({ data: { id, ciphertext: old } }) => {
      const aad = Buffer.from(`customer/${id}`).toString('base64');
      const response = await fetch(`${ENDPOINT}/kms/v1/keys/k1:reEncrypt`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
        body: JSON.stringify({ sourceKeyId: 'k1', sourceAadContext: aad, aadContext: aad, ciphertext: old }),
      });
      if (!response.ok) throw new Error(await response.text());
      const { ciphertext } = await response.json();
      await sql.query('UPDATE customers SET ssn = $2 WHERE id = $1', [id, Buffer.from(ciphertext, 'base64')]);
    },
    { connection, concurrency: Number(CONCURRENCY) },
  );
  worker.on('completed', () => {
    done += 1;
    if (done === rows.length) resolve();
  });
  worker.on('failed', (_job, error) => reject(error));
});
process.stdout.write(JSON.stringify({ perSecond: (rows.length * 1000) / (performance.now() - startedAt) }));
process.exit(0);
