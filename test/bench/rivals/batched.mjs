// The least that could do the work of a worker: batches by one read and one UPDATE with compare-and-swap, three at a time,
// and calls by undici's `dispatch`. It has no queue, pace, retry, deadline, metric, and checks no reply: what it reaches
// is what this machine leaves to any worker beside KMS and PostgreSQL.
import pg from 'pg';
import { Pool } from 'undici';

const { DATABASE, ENDPOINT, TOKEN, CONCURRENCY } = process.env;
const batchSize = 500;
const batchesInWork = 3;
const places = Number(CONCURRENCY);
const sql = new pg.Pool({ connectionString: DATABASE, max: batchesInWork });
const kms = new Pool(ENDPOINT, { connections: places });
const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
const read = 'SELECT id::text, ssn FROM customers WHERE id = ANY($1::bigint[])';
const replace = `
  UPDATE customers SET ssn = decode(change.new, 'base64')
    FROM unnest($1::bigint[], $2::text[], $3::text[]) AS change (id, old, new)
   WHERE customers.id = change.id AND customers.ssn = decode(change.old, 'base64')`;

const waiting = [];
let inFlight = 0;
let done = 0;

function callOn() {
  while (inFlight < places && waiting.length > 0) {
    inFlight += 1;
    call(waiting.shift());
  }
}

function call({ id, ssn, answer, fail }) {
  const aad = Buffer.from(`customer/${id}`).toString('base64');
  const fields = {
    sourceKeyId: 'k1',
    sourceAadContext: aad,
    aadContext: aad,
    ciphertext: ssn.toString('base64'),
  };
  const request = {
    path: '/kms/v1/keys/k1:reEncrypt',
    method: 'POST',
    headers,
    body: JSON.stringify(fields),
  };
  let body = '';
  kms.dispatch(request, {
    onRequestStart() {},
    onResponseStart() {},
    onResponseData: (_, chunk) => (body += chunk.toString()),
    onResponseEnd() {
      inFlight -= 1;
      answer(JSON.parse(body).ciphertext);
      callOn();
    },
    onResponseError: (_, error) => fail(error),
  });
}

function reEncrypt({ id, ssn }) {
  return new Promise((answer, fail) => waiting.push({ id, ssn, answer, fail }));
}

async function work(ids) {
  const { rows } = await sql.query(read, [ids]);
  const replies = rows.map(reEncrypt);
  callOn();
  const renewed = await Promise.all(replies);
  const old = rows.map(({ ssn }) => ssn.toString('base64'));
  const { rowCount } = await sql.query(replace, [rows.map(({ id }) => id), old, renewed]);
  if (rowCount !== ids.length) throw new Error(`${rowCount} of ${ids.length} written`);
  done += rows.length;
}

const { rows: all } = await sql.query('SELECT id::text FROM customers ORDER BY id');
const batches = Array.from({ length: Math.ceil(all.length / batchSize) }, (_, place) =>
  all.slice(place * batchSize, (place + 1) * batchSize).map(({ id }) => id),
).values();
async function workOn() {
  for (const batch of batches) await work(batch);
}

let began = null;
const watch = setInterval(() => {
  if (began === null && done > all.length / 10)
    began = { at: performance.now(), cpu: process.cpuUsage(), done };
}, 2);
await Promise.all(Array.from({ length: batchesInWork }, workOn));
clearInterval(watch);
const seconds = (performance.now() - began.at) / 1000;
const records = done - began.done;
const { user, system } = process.cpuUsage(began.cpu);
process.stdout.write(
  JSON.stringify({ perSecond: records / seconds, cpuPerRecord: (user + system) / records }),
);
await kms.close();
await sql.end();
