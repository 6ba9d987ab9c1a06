import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import { asFault, Fault } from '../rotation/faults.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Ref, ReplaceOutcome, Replacement, StoredRecord } from '../rotation/record.ts';
import { viewAsBuffer } from '../rotation/formats/utf8.ts';
import { unlessAborted } from '../rotation/unless-aborted.ts';
import { readCatalog } from './postgres/catalog.ts';
import { checkScope, notOfOneRecord } from './postgres/scope.ts';
import { countRecords } from './postgres/count.ts';
import {
  ensureJournal,
  findJournalCaveats,
  journalCaveat,
  journalTableOf,
} from './postgres/journal-table.ts';
import { encodeRef, parseRef } from './postgres/ref.ts';
import { isCastable } from './postgres/castable.ts';
import { createScans } from './postgres/scan.ts';
import { createParseRow, toRecord } from './postgres/stored-record.ts';
import { sampleKeys } from './postgres/sample.ts';
import { splitOnRecordFault } from './postgres/split-on-fault.ts';
import { queryRecords, queryRows, type SqlPool } from './postgres/sql-pool.ts';
import { statementsFor } from './postgres/statements.ts';
import { swapListsFor, type Change } from './postgres/swap-lists.ts';
import { writeTextArray } from './postgres/text-array.ts';
import { resolveTable, type ColumnNames } from './postgres/table-shape.ts';

const placesRow = z.object({ places: z.array(z.number()).nullable() });

export interface PostgresStoreOptions extends ColumnNames {
  /** Closed with the store. */
  readonly pool: SqlPool;
  /** As SQL has it, quoted parts included. */
  readonly table: string;
  /** A SQL condition on the table's rows, from the config: trusted. */
  readonly where?: string;
  /** Each swap notes the old value in the table `keyturn_journal` of the same schema, which is made if absent. */
  readonly journal?: { readonly rotation: string } | null;
}

interface Wanted {
  readonly ref: Ref;
  readonly key: readonly string[];
}

/**
 * Opens one column of one table as a store of records. Throws a usage `Fault` where the config does not fit
 * the table, `rotation` where a right is missing.
 *
 * A ref is the JSON array of the key's texts. One that this store cannot have made, or whose text is none of
 * the key's type, addresses no record: `read` leaves it out, `replace` returns a record fault for it, and
 * `scan` throws a rotation fault for such a cursor.
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<RecordStore> {
  const { pool } = options;
  const { table: facts, ...catalog } = await readCatalog(pool, options.table);
  const shape = resolveTable({ table: facts, ...catalog }, options);
  const journalTable = journalTableOf(facts, shape);
  const journal = options.journal ?? null;
  const sql = statementsFor(shape, options.where, journal === null ? null : journalTable);
  await checkScope(pool, sql, shape.table);
  const writesJournal = journal !== null && options.readOnly !== true;
  if (writesJournal) await ensureJournal(pool, journalTable);
  const caveats = writesJournal
    ? [journalCaveat(journalTable)]
    : await findJournalCaveats(pool, journalTable);

  const lists = swapListsFor(shape, journal !== null);
  const parseRow = createParseRow(options.fields, 0);

  async function read(refs: readonly Ref[]): Promise<StoredRecord[]> {
    const wanted: Wanted[] = [];
    for (const ref of new Set(refs)) {
      const key = parseRef(ref, shape.key.length);
      if (key !== null) wanted.push({ ref, key });
    }
    return splitOnRecordFault(wanted, readTogether, async ({ key }, fault) =>
      (await isCastable(pool, sql, key)) ? notOfOneRecord(fault) : [],
    );
  }

  async function readTogether(wanted: readonly Wanted[]): Promise<StoredRecord[]> {
    if (wanted.length === 0) return [];
    const keys = shape.key.map((_, place) => writeTextArray(wanted.map(({ key }) => key[place] ?? '')));
    const rows = await queryRecords(pool, parseRow, sql.read, keys);
    const records: StoredRecord[] = [];
    for (const row of rows) {
      const ref = wanted[row.place - 1]?.ref;
      const record = ref === undefined ? null : toRecord(ref, row);
      if (record !== null) records.push(record);
    }
    return records;
  }

  async function replace(changes: readonly Replacement[]): Promise<ReplaceOutcome[]> {
    const seen = new Set<Ref>();
    const outcomes = new Map<number, ReplaceOutcome>();
    const possible: Change[] = [];
    for (const [index, change] of changes.entries()) {
      // Of two changes to one record only the first can find the old value.
      if (seen.has(change.ref)) continue;
      seen.add(change.ref);
      const possibly = toChange(index, change);
      if (typeof possibly === 'string' || possibly instanceof Fault) outcomes.set(index, possibly);
      else possible.push(possibly);
    }
    const written = await splitOnRecordFault<Change, readonly [number, ReplaceOutcome]>(
      possible,
      replaceNoting,
      ({ index }, fault) => [[index, fault]],
    );
    for (const [index, outcome] of written) outcomes.set(index, outcome);
    return changes.map((_, index) => outcomes.get(index) ?? 'conflict');
  }

  async function replaceNoting(changes: readonly Change[]): Promise<(readonly [number, 'replaced'])[]> {
    try {
      return await replaceTogether(changes);
    } catch (error) {
      // The purge of another rotation drops a journal that it leaves empty.
      if (!writesJournal || !(error instanceof Fault) || error.code !== 'STORE_SCHEMA') throw error;
      await ensureJournal(pool, journalTable).catch((refusal: unknown) => {
        // A usage fault is told when a store is opened; a rotation under way is paused instead.
        throw asFault(refusal).faultClass === 'usage' ? error : refusal;
      });
      return replaceTogether(changes);
    }
  }

  async function replaceTogether(changes: readonly Change[]): Promise<(readonly [number, 'replaced'])[]> {
    if (changes.length === 0) return [];
    const written = lists.map(({ write }) => write(changes));
    const noted = journal === null ? [] : [journal.rotation, journalTable.origin];
    const [row] = await queryRows(pool, placesRow, sql.replace, [...written, ...noted]);
    return (row?.places ?? []).flatMap((place) => {
      const change = changes[place - 1];
      return change === undefined ? [] : [[change.index, 'replaced'] as const];
    });
  }

  /** Or why there is nothing to ask for. */
  function toChange(
    index: number,
    { ref, oldValue, newValue, keyVersion }: Replacement,
  ): Change | ReplaceOutcome {
    const key = parseRef(ref, shape.key.length);
    if (key === null) return new Fault('record', 'BAD_REF', `this reference is no key of ${shape.table}`);
    const encoding = shape.valueKind === 'bytea' ? 'base64' : 'utf8';
    if (encoding === 'utf8' && !isUtf8(oldValue)) return 'conflict';
    if (encoding === 'utf8' && !isUtf8(newValue))
      return new Fault(
        'record',
        'VALUE_REFUSED',
        `the new value is not UTF-8, and ${shape.column} holds text`,
      );
    return {
      index,
      ref,
      key,
      oldValue: viewAsBuffer(oldValue).toString(encoding),
      newValue: viewAsBuffer(newValue).toString(encoding),
      keyVersion,
    };
  }

  const count = () => countRecords(pool, sql);
  return {
    ...createScans(pool, sql, shape, options.fields),
    read,
    replace,
    count,
    async sample(size, signal) {
      const keys = await unlessAborted(sampleKeys(pool, sql, shape.table, size, signal), signal);
      return (keys ?? []).map(encodeRef);
    },
    async check() {
      const { records, exact } = await count();
      const estimate = exact ? '' : ' (estimate)';
      const noting = journal === null ? 'off' : 'on';
      return `postgres ${facts.serverVersion}, ${shape.table}, ${records} records${estimate}, journal ${noting}`;
    },
    caveats,
    async excluded() {
      if (sql.excluded === null) return null;
      const what = `rows of ${shape.table} for which store.where is not true: ${options.where ?? ''}`;
      return { what, ...(await countRecords(pool, sql.excluded)) };
    },
    close: () => pool.end(),
  };
}
