import type { JournalTable } from './journal-table.ts';
import type { TableShape } from './table-shape.ts';

export interface JournalStatements {
  /** $1 = rotation, $2 = origin, $3 = the number before which to go on, $4 = entries at most. */
  readonly restore: string;
  /** $1, $2, $3 as in `restore`: the one entry that comes next. */
  readonly next: string;
  /** $1 = rotation: its lowest and its highest number. */
  readonly span: string;
  /** $1, $2 as in `restore`, $3 = the number after which to go on, $4 = entries at most. */
  readonly purge: string;
  readonly dropIfEmpty: string;
}

/** The statements of rollback and purge, for the journal's entries on one table. */
export function journalStatementsFor(shape: TableShape, { name }: JournalTable): JournalStatements {
  const { table, tableName, key, column, versionColumn, valueKind } = shape;
  const of = (columnName: string): string => `${tableName}.${columnName}`;
  const value = valueKind === 'bytea' ? `${of(column)}::bytea` : `convert_to(${of(column)}::text, 'UTF8')`;
  const oldText = `convert_from(keyturn_locked.old_value, 'UTF8')`;
  const oldValue =
    valueKind === 'bytea'
      ? 'keyturn_locked.old_value'
      : `${oldText}${valueKind === 'text' ? '' : `::${valueKind}`}`;
  const oldVersion = versionColumn === null ? '' : `, ${versionColumn} = keyturn_locked.old_version`;
  const keyEquals = (right: (place: number, type: string) => string): string =>
    key
      .map(({ name: each, type, collation }, place) => {
        const left = collation === null ? of(each) : `${of(each)} COLLATE ${collation}`;
        return `${left} = ${right(place, type)}`;
      })
      .join(' AND ');
  const ofEntry = keyEquals((place, type) => `(keyturn_entry.ref::json ->> ${place})::${type}`);
  const ours = (digest: string): string => `sha256(${value}) = ${digest}`;

  return {
    // Newest first, so that a record that was swapped twice goes back the way it came; a batch ends before the
    // second entry of a record, since a statement can write a row only once. The mark is made with the swap.
    // Beside other writers it is as safe as `replace`. store.where is left out on purpose: it may hold only for
    // what is not rotated yet.
    restore: `
WITH keyturn_picked AS MATERIALIZED (
  SELECT *, row_number() OVER (PARTITION BY ref ORDER BY seq DESC) AS turn
    FROM (SELECT * FROM ${name}
           WHERE rotation = $1::text AND origin = $2::text AND seq < $3::int8
           ORDER BY seq DESC LIMIT $4::int4) AS newest
), keyturn_entry AS MATERIALIZED (
  SELECT keyturn_entry.*,
         CASE WHEN restored_at IS NOT NULL THEN 'alreadyRestored'
              WHEN found.here IS NULL THEN 'gone'
              WHEN found.digest = new_digest THEN 'ours'
              WHEN found.digest = sha256(old_value) THEN 'back'
              ELSE 'changedSince' END AS state
    FROM keyturn_picked AS keyturn_entry
    LEFT JOIN LATERAL (
      SELECT true AS here, sha256(${value}) AS digest
        FROM ${table}
       WHERE keyturn_entry.restored_at IS NULL AND ${ofEntry}
       LIMIT 1
    ) AS found ON true
   WHERE seq > coalesce((SELECT max(seq) FROM keyturn_picked WHERE turn > 1), 0)
), keyturn_locked AS MATERIALIZED (
  SELECT found.*, keyturn_entry.seq, keyturn_entry.old_value, keyturn_entry.old_version,
         keyturn_entry.new_digest
    FROM keyturn_entry
   CROSS JOIN LATERAL (
     SELECT ${key.map(({ name: each }, place) => `${of(each)} AS key_${place}`).join(', ')}
       FROM ${table}
      WHERE ${ofEntry} AND ${ours('keyturn_entry.new_digest')}
      LIMIT 1
        FOR ${shape.writesUnique ? '' : 'NO KEY '}UPDATE SKIP LOCKED
   ) AS found
   WHERE keyturn_entry.state = 'ours'
), keyturn_restored AS (
  UPDATE ${table}
     SET ${column} = ${oldValue}${oldVersion}
    FROM keyturn_locked
   WHERE ${keyEquals((place) => `keyturn_locked.key_${place}`)} AND ${ours('keyturn_locked.new_digest')}
  RETURNING keyturn_locked.seq
), keyturn_marked AS (
  UPDATE ${name} AS journal
     SET restored_at = now()
    FROM (SELECT seq FROM keyturn_restored
          UNION ALL SELECT seq FROM keyturn_entry WHERE state = 'back') AS done
   WHERE journal.rotation = $1::text AND journal.seq = done.seq
)
SELECT keyturn_entry.seq::text AS seq, ref,
       CASE WHEN state = 'back' THEN 'alreadyRestored'
            WHEN state <> 'ours' THEN state
            WHEN keyturn_restored.seq IS NULL THEN 'locked'
            ELSE 'restored' END AS outcome
  FROM keyturn_entry
  LEFT JOIN keyturn_restored ON keyturn_restored.seq = keyturn_entry.seq
 ORDER BY keyturn_entry.seq DESC`,

    next: `
SELECT seq::text AS seq, ref FROM ${name}
 WHERE rotation = $1::text AND origin = $2::text AND seq < $3::int8
 ORDER BY seq DESC LIMIT 1`,

    span: `SELECT min(seq)::text AS oldest, max(seq)::text AS newest FROM ${name} WHERE rotation = $1::text`,

    // By a range, since PostgreSQL would look a list of ten thousand up by reading the whole table.
    purge: `
WITH keyturn_dropped AS (
  DELETE FROM ${name}
   WHERE rotation = $1::text AND origin = $2::text AND seq > $3::int8
     AND seq <= (SELECT max(seq)
                   FROM (SELECT seq FROM ${name}
                          WHERE rotation = $1::text AND origin = $2::text AND seq > $3::int8
                          ORDER BY seq LIMIT $4::int4) AS stretch)
  RETURNING seq
)
SELECT count(*)::text AS entries, max(seq)::text AS last FROM keyturn_dropped`,

    // Never waits for the lock, since all swaps would wait behind it; a table that is in use, or not ours to
    // drop, stays.
    dropIfEmpty: `DO ${literal(`
BEGIN
  LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE NOWAIT;
  IF NOT EXISTS (SELECT FROM ${name}) THEN DROP TABLE ${name}; END IF;
EXCEPTION WHEN insufficient_privilege OR lock_not_available OR undefined_table THEN NULL;
END`)}`,
  };
}

function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
