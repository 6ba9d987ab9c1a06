import pg from 'pg';
import { startOpaqueKms, type OpaqueKms } from './opaque-kms.ts';
import { freshDatabase } from './peers.ts';

/** A plain table of people, under an old version of a KMS that is quick and can be told to misbehave. */
export interface People {
  readonly kms: OpaqueKms;
  readonly sql: pg.Pool;
  /** Of the database. */
  readonly url: string;
  /** The config's `kms`, `source`, `target`, `store` and `format`. */
  readonly config: {
    readonly kms: object;
    readonly source: object;
    readonly target: object;
    readonly store: object;
    readonly format: 'raw';
  };
  /** What each of them says now, and under which version, by id. */
  readAll(): Promise<Map<string, string>>;
  close(): Promise<void>;
}

export async function createPeople(count: number): Promise<People> {
  const kms = await startOpaqueKms();
  const database = await freshDatabase();
  const sql = new pg.Pool({ connectionString: database.url, max: 2 });
  // `end` does not wait for the connections' own end, so the drop of the database may still cut one.
  sql.on('error', () => undefined);
  const ids = Array.from({ length: count }, (_, index) => String(index + 1));
  await sql.query('CREATE TABLE people (id bigint PRIMARY KEY, value bytea)');
  await sql.query('INSERT INTO people SELECT * FROM unnest($1::bigint[], $2::bytea[])', [
    ids,
    ids.map((id) => kms.encrypt(`plain-${id}`, id, 'version-1')),
  ]);
  return {
    kms,
    sql,
    url: database.url,
    config: {
      kms: { provider: 'yandex', endpoint: kms.endpoint, auth: { iamToken: kms.token }, timeout: '60s' },
      source: { keyId: 'k1', aadContext: '{id}' },
      target: { keyId: 'k1', aadContext: '{id}' },
      store: { type: 'postgres', url: database.url, table: 'people', key: ['id'], column: 'value' },
      format: 'raw',
    },
    async readAll() {
      const { rows } = await sql.query('SELECT id::text, value FROM people');
      return new Map(
        rows.map(({ id, value }: { id: string; value: Buffer }) => {
          const { plaintext = 'unreadable', versionId = '' } = kms.open(value) ?? {};
          return [id, `${plaintext} under ${versionId}`];
        }),
      );
    },
    async close() {
      await sql.end();
      await database.drop();
      await kms.close();
    },
  };
}

/** As `readAll` shows them when all is well: nothing changed but the version. */
export function peopleUnder(versionId: string, count: number): Map<string, string> {
  return new Map(
    Array.from({ length: count }, (_, index) => [`${index + 1}`, `plain-${index + 1} under ${versionId}`]),
  );
}
