// The same calls as keyturn's, and nothing else: no queue, no pace, no write. Prints calls per second and CPU.
import pg from 'pg';
import { Pool } from 'undici';

const { DATABASE, ENDPOINT, TOKEN, CONCURRENCY } = process.env;
const sql = new pg.Client(DATABASE);
await sql.connect();
const { rows } = await sql.query('SELECT id::text, ssn FROM customers');
await sql.end();
const kms = new Pool(ENDPOINT, { connections: Number(CONCURRENCY) });
const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
let next = 0;

async function callOn() {
  for (let row = rows[next++]; row !== undefined; row = rows[next++]) {
    const aad = Buffer.from(`customer/${row.id}`).toString('base64');
    const { statusCode, body } = await kms.request({
      path: '/kms/v1/keys/k1:reEncrypt',
      method: 'POST',
      headers,
      body: JSON.stringify({
        sourceKeyId: 'k1',
        sourceAadContext: aad,
        aadContext: aad,
        ciphertext: row.ssn.toString('base64'),
      }),
    });
    const reply = await body.json();
    if (statusCode !== 200) throw new Error(JSON.stringify(reply));
    Buffer.from(reply.ciphertext, 'base64');
  }
}

const workers = Number(CONCURRENCY);
const warm = rows.length / 10;
let began = null;
const watch = setInterval(() => {
  if (began === null && next > warm) began = { at: performance.now(), cpu: process.cpuUsage(), next };
}, 2);
await Promise.all(Array.from({ length: workers }, callOn));
clearInterval(watch);
const seconds = (performance.now() - began.at) / 1000;
const calls = rows.length - began.next;
const { user, system } = process.cpuUsage(began.cpu);
process.stdout.write(JSON.stringify({ perSecond: calls / seconds, cpuPerRecord: (user + system) / calls }));
await kms.close();
