import { request } from 'undici';
import type pg from 'pg';
import { headerLength } from '../../src/kms/emulator/ciphertext.ts';
import type { Emulator } from '../../src/kms/emulator/server.ts';
import { createYandexKeyService, type YandexKeyService } from '../../src/kms/yandex/client.ts';
import { makeCanary, type Hunt } from './canaries.ts';

export const keyId = 'k1';
/** Marked secrets that lie in the store, or in the templates over it. */
export const aad = { source: makeCanary(), target: makeCanary(), owner: makeCanary() };
export const plaintext = makeCanary();
export const badValue = makeCanary();
export const firstId = 9_007_199_254_740_993n;

/** Fills the table `customers`; returns `ref code` of those that no run can mend. */
export async function fillTable(store: pg.Pool, { endpoint, token }: Emulator): Promise<string[]> {
  const kms = createYandexKeyService({
    endpoint,
    auth: { kind: 'iamToken', token },
    timeoutMs: 10_000,
    concurrency: 8,
  });
  const sealed = (owner: string): Promise<string> => seal(kms, owner);
  const values: (readonly [owner: string | null, value: string, code?: string])[] = [
    ...(await Promise.all(
      Array.from({ length: 10 }, async () => [aad.owner, await sealed(aad.owner)] as const),
    )),
    [aad.owner, badValue, 'BAD_FORMAT'],
    [aad.owner, JSON.stringify({ name: badValue }), 'BAD_FORMAT'],
    [aad.owner, JSON.stringify({ ssn: badValue }), 'BAD_FORMAT'],
    [aad.owner, JSON.stringify({ ssn: Buffer.from(badValue).toString('base64') }), 'INVALID_ARGUMENT'],
    [aad.owner, await sealed('another owner'), 'INVALID_ARGUMENT'],
    [null, await sealed(aad.owner), 'AAD_NULL'],
    [aad.owner, (await sealed(aad.owner)).replace('{', '{"check":true,'), 'VALUE_REFUSED'],
    [aad.owner, (await sealed(aad.owner)).replace('{', '{"raise":true,'), 'VALUE_REFUSED'],
  ];
  await kms.close();
  await store.query('CREATE TABLE customers (id bigint PRIMARY KEY, owner text, value text NOT NULL)');
  await store.query(
    'INSERT INTO customers SELECT $1::bigint - 1 + place, owner, value FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS r(owner, value, place)',
    [firstId, values.map(([owner]) => owner), values.map(([, value]) => value)],
  );
  // A failed check has the whole row as its DETAIL.
  await store.query(
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       RAISE EXCEPTION 'not % after %', NEW.value, OLD.value USING DETAIL = NEW.owner, HINT = NEW.owner;
     END $$;
     CREATE TRIGGER refuse BEFORE UPDATE ON customers FOR EACH ROW WHEN (OLD.value LIKE '{"raise"%') EXECUTE FUNCTION refuse();
     ALTER TABLE customers ADD COLUMN first_length integer;
     UPDATE customers SET first_length = hashtext(value) WHERE value LIKE '{"check"%';
     ALTER TABLE customers ADD CONSTRAINT unchanged CHECK (first_length = hashtext(value));`,
  );
  return values.flatMap(([, , code], index) =>
    code === undefined ? [] : [`["${firstId + BigInt(index)}"] ${code}`],
  );
}

/** As the application stores it: a document with the ciphertext in it. */
async function seal(kms: YandexKeyService, owner: string): Promise<string> {
  const { ciphertext } = await kms.encrypt({
    keyId,
    aad: Buffer.from(`${aad.source}/${owner}`),
    plaintext: Buffer.from(plaintext),
  });
  return JSON.stringify({ ssn: Buffer.from(ciphertext).toString('base64') });
}

export async function rotateKey({ endpoint, token }: Emulator): Promise<void> {
  const { body } = await request(`${endpoint}/kms/v1/keys/${keyId}:rotate`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{}',
  });
  await body.dump();
}

/** All that is in the column now. */
export async function hideValues(hunt: Hunt, store: pg.Pool): Promise<void> {
  const { rows } = await store.query('SELECT value FROM customers');
  for (const { value } of rows) {
    const [, ciphertext] = /"ssn":"([A-Za-z0-9+/=]+)"/.exec(value) ?? [];
    if (ciphertext !== undefined) hideCiphertext(hunt, ciphertext);
  }
}

/** Its header names the version, which may be shown. */
export function hideCiphertext(hunt: Hunt, base64: string): void {
  hunt.hide('ciphertext', Buffer.from(base64, 'base64').subarray(headerLength));
}
