import { EventEmitter } from 'node:events';
import type { PGlite } from '@electric-sql/pglite';
import pLimit from 'p-limit';
import type { SqlClient, SqlPool } from './postgres/pool.ts';

/** As node-postgres gives it: decimal digits. */
const int8 = 20;
const parsers = { [int8]: (digits: string) => digits };

/**
 * A PGlite database in the shape of a `pg.Pool`; `onEnd` runs when it is closed. PGlite is one session for
 * all, so a client has it to itself from its BEGIN to its COMMIT or ROLLBACK, and else for one query; a
 * client that only listens is in nobody's way.
 */
export function poolEmbedded(db: PGlite, onEnd: () => void): SqlPool {
  const oneAtATime = pLimit(1);
  const listening = new Set<EventEmitter>();
  let ending: Promise<void> | undefined;

  db.onNotification((channel, payload) => {
    for (const client of listening) client.emit('notification', { channel, payload });
  });

  /** Resolves when the session is ours, with what gives it back. */
  function takeSession(): Promise<() => void> {
    return new Promise((taken) => {
      void oneAtATime(() => new Promise<void>((giveBack) => taken(giveBack)));
    });
  }

  function openClient(): SqlClient {
    const inOrder = pLimit(1);
    let giveBack: (() => void) | undefined;

    function withSession<T>(step: () => Promise<T>): Promise<T> {
      return inOrder(async () => {
        giveBack ??= await takeSession();
        try {
          // In the words of `pg`, which BullMQ knows.
          if (db.closed) throw new Error('Cannot use a pool after calling end on the pool');
          return await step();
        } finally {
          if (db.closed || !db.isInTransaction()) {
            giveBack();
            giveBack = undefined;
          }
        }
      });
    }
    const client = Object.assign(new EventEmitter(), {
      query: (text: string, values?: readonly unknown[]) => withSession(() => runQuery(db, text, values)),
      release() {
        listening.delete(client);
        // It fails only where the database was closed, and with it the transaction.
        if (giveBack !== undefined) withSession(() => db.exec('ROLLBACK')).catch(() => undefined);
      },
    });
    listening.add(client);
    return client;
  }

  async function close(): Promise<void> {
    const giveBack = await takeSession();
    try {
      await db.close();
    } finally {
      giveBack();
      onEnd();
    }
  }

  return Object.assign(new EventEmitter(), {
    async query(text: string, values?: readonly unknown[]) {
      const client = openClient();
      try {
        return await client.query<never>(text, values);
      } finally {
        client.release();
      }
    },
    connect: async () => openClient(),
    end: () => (ending ??= close()),
  });
}

/** The simple protocol takes several statements, the extended one values. */
async function runQuery(
  db: PGlite,
  text: string,
  values: readonly unknown[] = [],
): Promise<{ rows: never[]; rowCount: number | null }> {
  const result =
    values.length === 0
      ? (await db.exec(text, { parsers })).at(-1)
      : await db.query(text, [...values], { parsers });
  // What is in a row is the word of the caller, as with `pg`.
  return { rows: (result?.rows ?? []) as never[], rowCount: result?.rowCount ?? null };
}
