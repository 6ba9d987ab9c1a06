// Fills the demo's table with records under the first version of the emulator's key, then rotates the key. Several may
// run at a time, and again: the first one does it, the others wait for it.
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';

// The image's own packages; this file lies elsewhere.
const { Client } = createRequire(process.env.APP ?? '/app/')('pg');
const records = Number(process.env.RECORDS ?? 20_000);
const atATime = 32;
const base64 = (text) => Buffer.from(text).toString('base64');

const store = await patiently('PostgreSQL', connect);
await store.query('SELECT pg_advisory_lock(1)');
await store.query('CREATE TABLE IF NOT EXISTS customers (id bigint PRIMARY KEY, ssn text NOT NULL)');
const { rows } = await store.query('SELECT count(*)::int AS records FROM customers');
if (rows[0].records === 0) await fill();
await store.end();

/** In one transaction, so that a seed that is killed leaves nothing. */
async function fill() {
  await patiently('the KMS', () => kms('encrypt', { plaintext: base64('are you there?') }));
  await store.query('BEGIN');
  for (let first = 1; first <= records; first += atATime) {
    const ids = Array.from({ length: Math.min(atATime, records - first + 1) }, (_, index) => first + index);
    const sealed = await Promise.all(
      ids.map((id) =>
        kms('encrypt', { plaintext: base64(`ssn-${id}`), aadContext: base64(`customer/${id}`) }),
      ),
    );
    await store.query('INSERT INTO customers SELECT * FROM unnest($1::bigint[], $2::text[])', [
      ids,
      sealed.map(({ ciphertext }) => ciphertext),
    ]);
  }
  await kms('rotate', {});
  await store.query('COMMIT');
  say(`${records} records encrypted; the key is rotated`);
}

async function connect() {
  const client = new Client(process.env.STORE_URL);
  await client.connect();
  return client;
}

async function kms(method, body) {
  const reply = await fetch(`${process.env.KMS_ENDPOINT}/kms/v1/keys/demo:${method}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${process.env.KMS_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`${method}: HTTP ${reply.status}`);
  return reply.json();
}

/** For two minutes: they all start at once. */
async function patiently(whom, step) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await step();
    } catch (error) {
      if (tries === 120) throw error;
      if (tries === 1) say(`waiting for ${whom}`);
      await delay(1000);
    }
  }
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
