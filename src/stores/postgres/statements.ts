import type { JournalTable } from './journal-table.ts';
import { fieldColumn, keyColumn } from './stored-record.ts';
import { swapListsFor } from './swap-lists.ts';
import type { TableShape } from './table-shape.ts';

/**
 * The store's statements for one table. Keys and values go in as text and are cast by PostgreSQL, so that no
 * driver's idea of a number or a date comes between. The user's condition stands in a query level that has
 * the table alone, without an alias, so that its names mean the table's columns and nothing of ours.
 */
export interface Statements {
  /** Fails where the condition is wrong; reads nothing. */
  readonly checkScope: string;
  /** A record without a whole key, if there is one; null where the columns forbid it. */
  readonly findNullKey: string | null;
  /**
   * The keys in scope of a stretch of rows, in one row, and the last key walked unless the table ended.
   * `first`: $1 = rows. `next`: $1… = the key after which to go on, in scan order; the last = rows.
   */
  readonly scan: { readonly first: string; readonly next: string };
  /** The same stretches, a row for each record with what `read` gives of it; the last row walked is shown too. */
  readonly scanRecords: Statements['scan'];
  /** $1… = one array of texts per key column. */
  readonly read: string;
  /** $1… = the lists of `swapListsFor`, then with a journal rotation and origin. */
  readonly replace: string;
  /** $1… = one key; fails where a text is none of its column's type. */
  readonly castKey: string;
  /** $1 = records at most, drawn from all. */
  readonly sampleAll: string;
  /** $1 = records at most, $2 = percentage of the table's blocks that they are drawn from. */
  readonly sampleBlocks: string;
  readonly estimate: string;
  readonly count: string;
  /** Values that the condition leaves out; null without one. A NULL is no record, and so not left out. */
  readonly excluded: { readonly estimate: string; readonly count: string } | null;
}

/** More than any call has. */
const mostChanges = 1_000_000_000;

export function statementsFor(
  shape: TableShape,
  where: string | undefined,
  journal: JournalTable | null = null,
): Statements {
  const { table, tableName, key, column, versionColumn, fields } = shape;
  const of = (name: string): string => `${tableName}.${name}`;
  const keyTexts = `json_build_array(${key.map(({ name }) => `${of(name)}::text`).join(', ')})`;
  const keyColumns = key.map(({ name }, place) => `${of(name)}::text AS ${keyColumn(place)}`).join(', ');
  // The condition ends with a line of its own: a comment at its end must not hide the parenthesis.
  const scope = `${of(column)} IS NOT NULL AND (\n${where ?? 'true'}\n)`;
  const keyExpressions = key.map(({ name, collation }) =>
    collation === null ? of(name) : `${of(name)} COLLATE ${collation}`,
  );
  const keyEquals = (right: (place: number) => string): string =>
    keyExpressions.map((expression, place) => `${expression} = ${right(place)}`).join(' AND ');
  const wantedKey = keyEquals((place) => `keyturn_wanted.${keyColumn(place)}::${key[place]?.type}`);
  const nullable = key.filter((each) => each.nullable).map(({ name }) => of(name));

  const scanKey = shape.scanOrder.map((place) => keyExpressions[place]).join(', ');
  const afterKey = shape.scanOrder
    .map((place, index) => `$${index + 1}::text::${key[place]?.type}`)
    .join(', ');
  const wholeKey = nullable.map((name) => `${name} IS NOT NULL`);
  const nullInKey = nullable.map((name) => `${name} IS NULL`).join(' OR ');

  /** The statement for the start of the table, and the one behind a key. */
  function stretches(build: (rows: string, conditions: readonly string[]) => string): Statements['scan'] {
    const behindKey = [`(${scanKey}) > (${afterKey})`, ...wholeKey];
    return { first: build('$1', wholeKey), next: build(`$${shape.scanOrder.length + 1}`, behindKey) };
  }
  /** One row for thousands of keys: what each row costs the driver is a good part of a scan. */
  function stretchOfKeys(rows: string, conditions: readonly string[]): string {
    return `
SELECT json_agg(key ORDER BY place) FILTER (WHERE "inScope") AS keys,
       json_agg(key) FILTER (WHERE place = ${rows}::int4) -> 0 AS last
  FROM (${stretch(`${keyTexts} AS key, (${scope}) IS TRUE AS "inScope"`, rows, conditions)}) AS stretch`;
  }
  function stretchOfRecords(rows: string, conditions: readonly string[]): string {
    return `
SELECT *
  FROM (${stretch(`${keyColumns}, ${recordColumns(`CASE WHEN (${scope}) IS TRUE THEN ${valueText} END`)}`, rows, conditions)}) AS stretch
 WHERE value IS NOT NULL OR place = ${rows}::int4`;
  }
  /**
   * Walks a number of rows by the index, in scope or not, so that no statement takes long where few rows are
   * in scope.
   */
  function stretch(columns: string, rows: string, conditions: readonly string[]): string {
    return `
  SELECT ${columns},
         row_number() OVER (ORDER BY ${scanKey})::int4 AS place
    FROM ${table}
   ${conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`}
   ORDER BY ${scanKey}
   LIMIT ${rows}::int4`;
  }

  /** In the order of random numbers: PostgreSQL keeps no more than it gives, however many it reads. */
  function draw(from: string): string {
    return `
SELECT ${keyTexts} AS key
  FROM ${table}${from}
 WHERE ${[scope, ...wholeKey].join(' AND ')}
 ORDER BY random()
 LIMIT $1::int4`;
  }

  const counting = (condition: string) => ({
    estimate: `EXPLAIN (FORMAT JSON) SELECT FROM ${table} WHERE ${condition}`,
    count: `SELECT count(*)::text AS records FROM ${table} WHERE ${condition}`,
  });

  const valueText = `${of(column)}::${shape.valueKind === 'bytea' ? 'bytea' : 'text'}`;
  /** Texts in columns of their own: to make JSON of them is two thirds of what a scan costs PostgreSQL. */
  const recordColumns = (value: string): string =>
    [
      `${value} AS value`,
      ...fields.map((name, place) => `${of(name)}::text AS ${fieldColumn(place)}`),
      ...(versionColumn === null ? [] : [`${of(versionColumn)}::text AS key_version`]),
    ].join(', ');
  const toBytes = (text: string): string =>
    shape.valueKind === 'bytea' ? `decode(${text}, 'base64')` : text;
  // COLLATE "C" compares bytes, whatever the column's collation takes for equal.
  const isOld = (old: string): string =>
    shape.valueKind === 'bytea' ? `${valueText} = ${old}` : `${valueText} COLLATE "C" = ${old}`;
  const newValue = shape.valueKind.startsWith('json')
    ? `keyturn_locked.new_value::${shape.valueKind}`
    : 'keyturn_locked.new_value';
  const newVersion = versionColumn === null ? '' : `, ${versionColumn} = keyturn_locked.key_version`;
  const keyArrays = key.map((_, place) => `$${place + 1}::text[]`).join(', ');
  const keyNames = key.map((_, place) => keyColumn(place)).join(', ');

  const lists = swapListsFor(shape, journal !== null);
  const listNames = lists.map(({ name }) => name).join(', ');
  const listArrays = lists.map(({ unpack }, index) => unpack(index + 1)).join(', ');
  const wantedVersion = versionColumn === null ? '' : ', keyturn_wanted.key_version';
  const noted = journal === null ? '' : ', keyturn_wanted.ref';
  const oldVersion =
    journal === null ? '' : `, ${versionColumn === null ? 'NULL' : of(versionColumn)}::text AS old_version`;
  // Safe beside other writers: a row that somebody else has locked is skipped, never waited for while we
  // hold locks; a locked row is compared in its newest version, and again as it is written.
  const locked = `
WITH keyturn_locked AS MATERIALIZED (
  SELECT found.*, keyturn_wanted.place${wantedVersion}${noted},
         ${toBytes('keyturn_wanted.old_value')} AS old_value,
         ${toBytes('keyturn_wanted.new_value')} AS new_value
    FROM unnest(${listArrays}) WITH ORDINALITY AS keyturn_wanted (${listNames}, place)
   CROSS JOIN LATERAL (
     SELECT ${key.map(({ name }, place) => `${of(name)} AS ${keyColumn(place)}`).join(', ')}${oldVersion}
       FROM ${table}
      WHERE ${wantedKey} AND ${scope} AND ${isOld(toBytes('keyturn_wanted.old_value'))}
      LIMIT 1
        FOR ${shape.writesUnique ? '' : 'NO KEY '}UPDATE SKIP LOCKED
   ) AS found
)`;
  // The planner takes a range for few rows, and so goes by the index: else it reads a table of some ten thousand rows
  // from end to end for each batch, as it does not know that these rows have just been in its hands.
  const swap = `UPDATE ${table}
   SET ${column} = ${newValue}${newVersion}
  FROM keyturn_locked
 WHERE ${keyEquals((place) => `keyturn_locked.${keyColumn(place)}`)} AND ${isOld('keyturn_locked.old_value')}
   AND keyturn_locked.place BETWEEN 1 AND ${mostChanges}
RETURNING keyturn_locked.place::int4 AS place`;
  const bytesOf = (value: string): string =>
    shape.valueKind === 'bytea' ? value : `convert_to(${value}, 'UTF8')`;
  // One statement, so a swap is noted if and only if it is made. The digest is of what the row holds after it:
  // jsonb and triggers change what they are given. The numbers of one row's swaps rise, since each is
  // drawn under the row's lock.
  const replace =
    journal === null
      ? `${locked}, keyturn_swapped AS (
${swap}
)
SELECT json_agg(place) AS places FROM keyturn_swapped`
      : `${locked}, keyturn_swapped AS (
${swap}, keyturn_locked.ref, keyturn_locked.old_value, keyturn_locked.old_version,
         sha256(${bytesOf(valueText)}) AS new_digest
), keyturn_noted AS (
  INSERT INTO ${journal.name} (rotation, origin, ref, old_value, old_version, new_digest)
  SELECT $${lists.length + 1}::text, $${lists.length + 2}::text, ref, ${bytesOf('old_value')}, old_version, new_digest
    FROM keyturn_swapped
)
SELECT json_agg(place) AS places FROM keyturn_swapped`;

  return {
    checkScope: `SELECT FROM ${table} WHERE ${scope} LIMIT 0`,
    findNullKey:
      nullable.length === 0
        ? null
        : `SELECT true AS found FROM ${table} WHERE (${nullInKey}) AND ${scope} LIMIT 1`,
    scan: stretches(stretchOfKeys),
    scanRecords: stretches(stretchOfRecords),

    // LIMIT keeps the planner from joining by a scan of the whole table: each key is one look into the index.
    read: `
SELECT keyturn_wanted.place::int4 AS place, found.*
  FROM unnest(${keyArrays}) WITH ORDINALITY AS keyturn_wanted (${keyNames}, place)
 CROSS JOIN LATERAL (
   SELECT ${recordColumns(valueText)}
     FROM ${table}
    WHERE ${wantedKey} AND ${scope}
    LIMIT 1
 ) AS found`,

    replace,

    castKey: `SELECT ${key.map(({ type }, place) => `$${place + 1}::text::${type}`).join(', ')}`,
    sampleAll: draw(''),
    sampleBlocks: draw(' TABLESAMPLE SYSTEM ($2::float4)'),
    ...counting(scope),
    excluded:
      where === undefined ? null : counting(`${of(column)} IS NOT NULL AND (\n${where}\n) IS NOT TRUE`),
  };
}
