import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import type { Ref } from '../../rotation/record.ts';
import { readCatalog } from './catalog.ts';
import { journalStatementsFor } from './journal-statements.ts';
import { journalTableOf, readJournalState, requireRights } from './journal-table.ts';
import { queryRows, type SqlPool } from './sql-pool.ts';
import { resolveTable } from './table-shape.ts';

/** Entries that one statement of a purge drops. */
const purgeEntries = 10_000;
/** Behind all entries, where a walk from the newest to the oldest begins. */
const behindAll = '9223372036854775807';

/** The number of an entry, in decimal digits; later swaps have higher ones. */
export type EntryNumber = string;

/**
 * What became of one journalled swap:
 *
 * - `restored`: its old value is back, by this statement.
 * - `alreadyRestored`: it was back before: by an earlier rollback, another one beside us, or by hand.
 * - `changedSince`: the record holds neither our new value nor the old one, so it was left alone.
 * - `gone`: the record is not there any more.
 * - `locked`: somebody else holds the row, or changed it just now; ask again.
 */
export type RestoreOutcome = 'restored' | 'alreadyRestored' | 'changedSince' | 'gone' | 'locked';

export interface RestoredEntry {
  readonly seq: EntryNumber;
  readonly ref: Ref;
  readonly outcome: RestoreOutcome;
}

const restoredRow = z.object({
  seq: z.string(),
  ref: z.string(),
  outcome: z.enum(['restored', 'alreadyRestored', 'changedSince', 'gone', 'locked']),
});
const nextRow = z.object({ seq: z.string(), ref: z.string() });
const spanRow = z.object({ oldest: z.string().nullable(), newest: z.string().nullable() });
const purgedRow = z.object({ entries: z.string(), last: z.string().nullable() });

/** The swaps that one rotation has noted of one column of one table. Every method throws a `Fault`. */
export interface Journal {
  /**
   * Puts back what at most `limit` entries hold, from before the entry `before` (null = the newest) down, and
   * tells of each, newest first; empty at the end. One statement, which marks what it restores, so it may be
   * asked again after a lost reply. A record fault means that the table refuses one of the old values, and
   * nothing was written.
   */
  restore(before: EntryNumber | null, limit: number): Promise<RestoredEntry[]>;
  /** The newest entry before `before`; null at the end. */
  next(before: EntryNumber | null): Promise<{ seq: EntryNumber; ref: Ref } | null>;
  /** The lowest and the highest number; null where there are no entries. */
  span(): Promise<{ oldest: EntryNumber; newest: EntryNumber } | null>;
  /** Drops the entries, a stretch a statement; `onProgress` is told how many so far. Returns how many. */
  purge(onProgress: (entries: number) => void, signal: AbortSignal): Promise<number>;
  /** Drops the table if nothing is left in it, nobody uses it and it is ours. */
  dropIfEmpty(): Promise<void>;
  close(): Promise<void>;
}

export interface PostgresJournalOptions {
  /** Closed with the journal. */
  readonly pool: SqlPool;
  readonly rotation: string;
  /** As those of the store. */
  readonly table: string;
  readonly key: readonly string[];
  readonly column: string;
  readonly versionColumn?: string;
  readonly use: 'restore' | 'purge';
}

/** A usage `Fault` where there is no journal, or a right to it is missing; else as `openPostgresStore`. */
export async function openPostgresJournal(options: PostgresJournalOptions): Promise<Journal> {
  const { pool, rotation, use } = options;
  const catalog = await readCatalog(pool, options.table);
  const shape = resolveTable(catalog, { ...options, fields: [], readOnly: use === 'purge' });
  const table = journalTableOf(catalog.table, shape);
  const state = await readJournalState(pool, table);
  if (state.rights === null) {
    throw new Fault(
      'usage',
      'NO_JOURNAL',
      `there is no ${table.name}: nothing was journalled, or all of it was purged; ` +
        'only what a rotation swaps with store.journal: true can be undone',
    );
  }
  requireRights(table, state, ['SELECT', use === 'purge' ? 'DELETE' : 'UPDATE']);
  const sql = journalStatementsFor(shape, table);
  const entries = [rotation, table.origin];

  async function next(before: EntryNumber | null) {
    const [row] = await queryRows(pool, nextRow, sql.next, [...entries, before ?? behindAll]);
    return row ?? null;
  }

  async function span() {
    const [row] = await queryRows(pool, spanRow, sql.span, [rotation]);
    const { oldest = null, newest = null } = row ?? {};
    return oldest === null || newest === null ? null : { oldest, newest };
  }

  if ((await span()) !== null && (await next(null)) === null) {
    throw new Fault(
      'usage',
      'JOURNAL_OF_OTHER_CONFIG',
      `${table.name} holds entries of rotation ${rotation}, but none of ${table.origin}: use the config that it ran ` +
        'with (store.table, key, column, versionColumn)',
    );
  }
  return {
    restore: (before, limit) =>
      queryRows(pool, restoredRow, sql.restore, [...entries, before ?? behindAll, limit]),
    next,
    span,
    async purge(onProgress, signal) {
      let dropped = 0;
      let after: EntryNumber | null = '0';
      while (after !== null && !signal.aborted) {
        const [row]: z.output<typeof purgedRow>[] = await queryRows(pool, purgedRow, sql.purge, [
          ...entries,
          after,
          purgeEntries,
        ]);
        dropped += Number(row?.entries ?? 0);
        after = row?.last ?? null;
        onProgress(dropped);
      }
      return dropped;
    },
    async dropIfEmpty() {
      await queryRows(pool, z.unknown(), sql.dropIfEmpty);
    },
    close: () => pool.end(),
  };
}
