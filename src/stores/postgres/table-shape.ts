import { closest } from 'fastest-levenshtein';
import { Fault } from '../../rotation/faults.ts';
import type { Catalog, CatalogColumn, CatalogTable, UniqueIndex } from './catalog.ts';
import { quoteName } from './quote-name.ts';

/** What the config says of the table. Names are plain, exactly as in the catalog. */
export interface ColumnNames {
  readonly key: readonly string[];
  readonly column: string;
  readonly versionColumn?: string;
  readonly fields: readonly string[];
  /** Only reads: asks for no right to write. */
  readonly readOnly?: boolean;
}

/** How the bytes of a value go in and out of the column. */
export type ValueKind = 'bytea' | 'text' | 'json' | 'jsonb';

export interface KeyColumn {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  /** Of the index, where it is not the column's own. */
  readonly collation: string | null;
}

/** The table as the statements need it: everything exists, fits and is allowed. */
export interface TableShape {
  /** Quoted, with its schema. */
  readonly table: string;
  /** Quoted, without its schema: what a column is qualified with. */
  readonly tableName: string;
  readonly key: readonly KeyColumn[];
  /** Places in `key`, in the order of the index that makes it unique. */
  readonly scanOrder: readonly number[];
  readonly column: string;
  readonly valueKind: ValueKind;
  readonly versionColumn: string | null;
  /** A foreign key may point to what is written, so PostgreSQL takes the stronger row lock for it. */
  readonly writesUnique: boolean;
  readonly fields: readonly string[];
}

const valueKinds: Readonly<Record<string, ValueKind>> = {
  bytea: 'bytea',
  text: 'text',
  varchar: 'text',
  citext: 'text',
  json: 'json',
  jsonb: 'jsonb',
};

/**
 * Holds the config against the catalog.
 * A usage `Fault` for what the config has wrong, `rotation` for a missing right.
 */
export function resolveTable({ table, columns, uniqueIndexes }: Catalog, names: ColumnNames): TableShape {
  const quotedTable = `${quoteName(table.schema)}.${quoteName(table.name)}`;
  checkTable(table, quotedTable);

  function column(option: string, name: string): CatalogColumn {
    const found = columns.find((candidate) => candidate.name === name);
    if (found !== undefined) return found;
    const nearest = closest(
      name,
      columns.map((candidate) => candidate.name),
    );
    throw misfit(`${option}: ${quotedTable} has no column "${name}"; the nearest is "${nearest}"`);
  }
  const value = column('store.column', names.column);
  const version =
    names.versionColumn === undefined ? null : column('store.versionColumn', names.versionColumn);
  const key = names.key.map((name) => column('store.key', name));
  const fields = names.fields.map((name) => column('aadContext', name));

  const valueKind = valueKinds[value.baseType];
  if (valueKind === undefined) {
    throw misfit(
      `store.column: "${value.name}" is ${value.shownType}; it must be bytea, text, varchar, json or jsonb`,
    );
  }
  if (version !== null && valueKinds[version.baseType] !== 'text')
    throw misfit(
      `store.versionColumn: "${version.name}" is ${version.shownType}; it must be text or varchar`,
    );
  const written = version === null ? [value] : [value, version];
  checkWritten(written, key);
  checkRights(table, quotedTable, [...key, ...written, ...fields], names.readOnly === true ? [] : written);

  const index = servingIndex(uniqueIndexes, key, quotedTable);
  return {
    table: quotedTable,
    tableName: quoteName(table.name),
    key: key.map(({ name, type, notNull }) => ({
      name: quoteName(name),
      type,
      nullable: !notNull,
      collation: index.columns.find((indexed) => indexed.name === name)?.collation ?? null,
    })),
    scanOrder: index.columns.map((indexed) => names.key.indexOf(indexed.name)),
    column: quoteName(value.name),
    valueKind,
    versionColumn: version === null ? null : quoteName(version.name),
    writesUnique: written.some(({ unique }) => unique),
    fields: fields.map(({ name }) => quoteName(name)),
  };
}

function checkTable(table: CatalogTable, quotedTable: string): void {
  if (table.kind !== 'r' && table.kind !== 'p')
    throw misfit(`store.table: ${quotedTable} is not a table; a view or a foreign table cannot be rotated`);
  if (table.hasChildren) {
    throw misfit(
      `store.table: ${quotedTable} has tables that inherit from it, over which no key is unique; ` +
        'make it a partitioned table',
    );
  }
  if (table.hidesRows) {
    throw refused(
      `row-level security hides rows of ${quotedTable} from the role ${table.role}, ` +
        'and they would be left behind: use a role with BYPASSRLS',
    );
  }
}

function checkWritten(written: readonly CatalogColumn[], key: readonly CatalogColumn[]): void {
  for (const [place, { name, generated }] of written.entries()) {
    if (generated) throw misfit(`"${name}" is a generated column: PostgreSQL writes it itself`);
    if ([...key, ...written.slice(0, place)].some((other) => other.name === name))
      throw misfit(`"${name}" is named twice in store.key, store.column and store.versionColumn`);
  }
}

function checkRights(
  table: CatalogTable,
  quotedTable: string,
  read: readonly CatalogColumn[],
  written: readonly CatalogColumn[],
): void {
  const missing = (right: 'SELECT' | 'UPDATE', denied: readonly CatalogColumn[]): void => {
    if (denied.length === 0) return;
    const list = [...new Set(denied.map(({ name }) => quoteName(name)))].join(', ');
    throw refused(
      `the role ${table.role} may not ${right} ${list}: GRANT ${right} (${list}) ON ${quotedTable} ` +
        `TO ${quoteName(table.role)}`,
    );
  };
  missing(
    'SELECT',
    read.filter(({ mayRead }) => !mayRead),
  );
  missing(
    'UPDATE',
    written.filter(({ mayWrite }) => !mayWrite),
  );
  if (written.length > 0 && table.takesNoWrites)
    throw refused('the server of store.url takes no writes (a standby, or read-only): use the primary');
}

/** The index that proves the key unique, and by which the scan goes. */
function servingIndex(
  indexes: readonly UniqueIndex[],
  key: readonly CatalogColumn[],
  quotedTable: string,
): UniqueIndex {
  const names = key.map(({ name }) => name);
  if (names.length === 0 || new Set(names).size < names.length)
    throw misfit('store.key must name at least one column, and none of them twice');
  const unique = indexes.filter(({ columns }) => columns.every(({ name }) => names.includes(name)));
  const shown = names.map((name) => quoteName(name)).join(', ');
  if (unique.length === 0) {
    throw misfit(
      `store.key: nothing makes (${shown}) unique in ${quotedTable}; ` +
        'it needs the columns of a primary key, or of a unique index that is valid, ' +
        'not partial and without expressions',
    );
  }
  const serving = unique.find(isScannable);
  if (serving === undefined) {
    throw misfit(
      `store.key: the unique index on (${shown}) gives no order to scan by: ` +
        'its columns must be all ascending or all descending, ' +
        'and the operators of their types on the search_path',
    );
  }
  return serving;
}

/** Whether `ORDER BY a, b` and `(a, b) > (…)` mean the order of the index, forwards or backwards. */
function isScannable({ columns }: UniqueIndex): boolean {
  const ascending = 0;
  const descendingNullsFirst = 3;
  return (
    columns.every(({ plainOperators }) => plainOperators) &&
    [ascending, descendingNullsFirst].some((way) => columns.every(({ option }) => option === way))
  );
}

function misfit(message: string): Fault {
  return new Fault('usage', 'BAD_STORE_TABLE', message);
}

function refused(message: string): Fault {
  return new Fault('rotation', 'STORE_DENIED', message, { peer: 'store' });
}
