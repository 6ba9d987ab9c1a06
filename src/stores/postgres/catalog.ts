import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import { queryRows, type SqlPool } from './sql-pool.ts';

const tableRow = z.object({
  oid: z.string(),
  schema: z.string(),
  name: z.string(),
  /** `pg_class.relkind`. */
  kind: z.string(),
  hasChildren: z.boolean(),
  hidesRows: z.boolean(),
  takesNoWrites: z.boolean(),
  serverVersion: z.string(),
  role: z.string(),
});

const columnRow = z.object({
  name: z.string(),
  /** Quoted and with its schema, without a length: a cast to it cuts nothing off. */
  type: z.string(),
  /** The type as people write it. */
  shownType: z.string(),
  /** Name of the type under all domains. */
  baseType: z.string(),
  notNull: z.boolean(),
  generated: z.boolean(),
  /** In a unique index, so that a foreign key may point to it. */
  unique: z.boolean(),
  mayRead: z.boolean(),
  mayWrite: z.boolean(),
});

const indexRow = z.object({
  name: z.string(),
  columns: z.array(
    z.object({
      name: z.string(),
      /** `pg_index.indoption`: 1 = descending, 2 = nulls first. */
      option: z.number(),
      /** Quoted, where it is not the column's own; else null. */
      collation: z.string().nullable(),
      /** Plain `<`, `=` and `>` mean this index's operators. */
      plainOperators: z.boolean(),
    }),
  ),
});

export type CatalogTable = z.output<typeof tableRow>;
export type CatalogColumn = z.output<typeof columnRow>;
export type UniqueIndex = z.output<typeof indexRow>;

/** What PostgreSQL's catalog says of one table. */
export interface Catalog {
  readonly table: CatalogTable;
  readonly columns: readonly CatalogColumn[];
  /** Valid, whole-table unique indexes on plain columns; the primary key first, then the narrowest. */
  readonly uniqueIndexes: readonly UniqueIndex[];
}

const tableQuery = `
SELECT c.oid::text AS oid, n.nspname::text AS schema, c.relname::text AS name, c.relkind::text AS kind,
       c.relkind <> 'p'
         AND EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhparent = c.oid) AS "hasChildren",
       pg_catalog.row_security_active(c.oid) AS "hidesRows",
       pg_catalog.current_setting('transaction_read_only') = 'on' AS "takesNoWrites",
       pg_catalog.split_part(pg_catalog.current_setting('server_version'), ' ', 1) AS "serverVersion",
       current_user::text AS role
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE c.oid = pg_catalog.to_regclass($1::text)`;

const columnsQuery = `
SELECT a.attname::text AS name,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(t.typname) AS type,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS "shownType",
       (WITH RECURSIVE base AS (
          SELECT t.typname, t.typtype, t.typbasetype
          UNION ALL
          SELECT inner_type.typname, inner_type.typtype, inner_type.typbasetype
            FROM base JOIN pg_catalog.pg_type inner_type ON inner_type.oid = base.typbasetype
           WHERE base.typtype = 'd')
        SELECT typname::text FROM base WHERE typtype <> 'd') AS "baseType",
       a.attnotnull AS "notNull",
       a.attgenerated <> '' AS generated,
       EXISTS (SELECT FROM pg_catalog.pg_index i
                WHERE i.indrelid = a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey)) AS "unique",
       pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'SELECT') AS "mayRead",
       pg_catalog.has_column_privilege(a.attrelid, a.attnum, 'UPDATE') AS "mayWrite"
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
 WHERE a.attrelid = $1::text::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum`;

// indnkeyatts leaves out INCLUDE columns. A column's operators come from its operator class; strategy 5 is
// "greater than". An operator that the search path does not show would be taken for another type's by name.
const indexesQuery = `
SELECT c.relname::text AS name,
       (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
                 'name', a.attname,
                 'option', i.indoption[place],
                 'collation', CASE
                   WHEN i.indcollation[place] <> a.attcollation
                   THEN pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname) END,
                 'plainOperators', oc.opcdefault AND pg_catalog.pg_operator_is_visible(ao.amopopr))
                 ORDER BY place)
          FROM pg_catalog.generate_series(0, i.indnkeyatts - 1) AS place
          JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[place]
          JOIN pg_catalog.pg_opclass oc ON oc.oid = i.indclass[place]
          JOIN pg_catalog.pg_amop ao ON ao.amopfamily = oc.opcfamily AND ao.amopstrategy = 5
               AND ao.amoplefttype = oc.opcintype AND ao.amoprighttype = oc.opcintype
          LEFT JOIN pg_catalog.pg_collation co ON co.oid = i.indcollation[place]
          LEFT JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace) AS columns
  FROM pg_catalog.pg_index i
  JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = $1::text::pg_catalog.oid
   AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
 ORDER BY i.indisprimary DESC, i.indnkeyatts, c.relname`;

/** `name` as SQL has it: unquoted parts are folded and found by the search path, quoted ones are exact. */
export async function readCatalog(pool: SqlPool, name: string): Promise<Catalog> {
  const [table] = await queryRows(pool, tableRow, tableQuery, [name]).catch((error: unknown) => {
    // A name that is not SQL, or of another database.
    if (error instanceof Fault && error.code === 'STORE_SCHEMA') throw badTable(name, error.message);
    throw error;
  });
  if (table === undefined) throw badTable(name, 'it does not exist in this database');
  return {
    table,
    columns: await queryRows(pool, columnRow, columnsQuery, [table.oid]),
    uniqueIndexes: await queryRows(pool, indexRow, indexesQuery, [table.oid]),
  };
}

function badTable(name: string, reason: string): Fault {
  return new Fault(
    'usage',
    'BAD_STORE_TABLE',
    `store.table ${name}: ${reason} (write it as in SQL, with "quotes" around a name that is not all ` +
      'lower case)',
  );
}
