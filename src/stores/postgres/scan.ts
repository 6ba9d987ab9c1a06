import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import type { RecordPage, RecordStore, ScanPage } from '../../rotation/ports/record-store.ts';
import type { Cursor, Ref, StoredRecord } from '../../rotation/record.ts';
import { unlessAborted } from '../../rotation/unless-aborted.ts';
import { isCastable } from './castable.ts';
import { encodeRef, parseRef } from './ref.ts';
import { notOfOneRecord } from './scope.ts';
import { queryRecords, queryRows, type SqlPool } from './sql-pool.ts';
import type { Statements } from './statements.ts';
import { createParseRow, toRecord } from './stored-record.ts';
import type { TableShape } from './table-shape.ts';

/** Rows that one statement walks for refs, in scope or not; more where a page is larger. */
const stretchRows = 2000;

const keyTexts = z.array(z.string());
const keysRow = z.object({ keys: z.array(keyTexts).nullable(), last: keyTexts.nullable() });

/** The texts of the key columns, in the order of `store.key`. */
type Key = readonly string[];

/** A number of rows of the table, by the order of a scan. */
interface Stretch<Found> {
  /** Of those in scope. */
  readonly found: readonly Found[];
  /** The last key walked; null where the table ends. */
  readonly last: Key | null;
}

/** Both ways to walk a table by its key. `fields`: the names of the columns that AAD templates name. */
export function createScans(
  pool: SqlPool,
  sql: Statements,
  { table, key: keyColumns, scanOrder }: TableShape,
  fields: readonly string[],
): Pick<RecordStore, 'scan'> & Required<Pick<RecordStore, 'scanRecords'>> {
  const parseRow = createParseRow(fields, keyColumns.length);

  async function* scan(from: Cursor | null, limit: number, signal: AbortSignal): AsyncGenerator<ScanPage> {
    const rows = Math.max(limit, stretchRows);
    async function readKeys(after: Key | null): Promise<Stretch<Ref>> {
      const ask = asking(sql.scan, after, rows);
      const [found] = await queryRows(pool, keysRow, ...ask).catch(notOfOneRecord);
      return { found: (found?.keys ?? []).map(encodeRef), last: found?.last ?? null };
    }
    for await (const refs of walk(readKeys, from, signal)) {
      for (let start = 0; start < refs.length; start += limit) {
        const page = refs.slice(start, start + limit);
        const cursor = page.at(-1);
        if (cursor === undefined || signal.aborted) return;
        yield { refs: page, cursor };
      }
    }
  }

  async function* scanRecords(
    from: Cursor | null,
    limit: number,
    signal: AbortSignal,
  ): AsyncGenerator<RecordPage> {
    async function readRecords(after: Key | null): Promise<Stretch<StoredRecord>> {
      const ask = asking(sql.scanRecords, after, limit);
      const rows = await queryRecords(pool, parseRow, ...ask).catch(notOfOneRecord);
      const walked = rows.toSorted((left, right) => left.place - right.place);
      const last = walked.at(-1);
      return {
        found: walked.flatMap((row) => toRecord(encodeRef(row.key), row) ?? []),
        last: last?.place === limit ? last.key : null,
      };
    }
    for await (const records of walk(readRecords, from, signal)) {
      const cursor = records.at(-1)?.ref;
      if (cursor !== undefined) yield { records, cursor };
    }
  }

  /** What each stretch holds, if anything; the next one is asked for while a stretch is worked on. */
  async function* walk<Found>(
    readAfter: (after: Key | null) => Promise<Stretch<Found>>,
    from: Cursor | null,
    signal: AbortSignal,
  ): AsyncGenerator<readonly Found[]> {
    if (signal.aborted) return;
    let ahead: Promise<Stretch<Found>> | null = readAfter(from === null ? null : await parseCursor(from));
    while (ahead !== null) {
      // A statement on a dead server is not waited for.
      const stretch: Stretch<Found> | null = await unlessAborted(ahead, signal);
      if (stretch === null) return;
      ahead = stretch.last === null ? null : readAfter(stretch.last);
      // It is met when it is waited for, if ever.
      ahead?.catch(() => undefined);
      if (stretch.found.length > 0) yield stretch.found;
    }
  }

  /** The statement for a stretch of rows, and its values. */
  function asking(statements: Statements['scan'], after: Key | null, rows: number): [string, unknown[]] {
    if (after === null) return [statements.first, [rows]];
    return [statements.next, [...scanOrder.map((place) => after[place]), rows]];
  }

  async function parseCursor(cursor: Cursor): Promise<Key> {
    const key = parseRef(cursor, keyColumns.length);
    if (key !== null && (await isCastable(pool, sql, key))) return key;
    throw new Fault(
      'rotation',
      'BAD_REF',
      `the saved place of the scan is no key of ${table}: was store.key changed?`,
      { peer: 'store' },
    );
  }

  return { scan, scanRecords };
}
