import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.ts';
import { aadOf, pinned, retired, type Scene } from './scene.ts';

/** The application that owns the table. It writes, inserts and deletes on, whatever breaks. */
export interface StormyApplication {
  /** What the database has acknowledged: plaintexts by record, and records that are gone. */
  readonly acknowledged: { readonly id: string; readonly plaintext: string | null }[];
  /** From now on it writes under the new version alone: its last cache has run out. */
  forgetOldVersion(): void;
  stop(): Promise<void>;
}

const betweenWritesMs = 25;

export function startStormyApplication(
  { sql, kms, ids, options }: Scene,
  random: SeededRandom,
): StormyApplication {
  const acknowledged: StormyApplication['acknowledged'] = [];
  const stopped = new AbortController();
  // Beside `enqueue` nobody looks for late writers.
  let oldShare = options.job === 'run' ? 0.3 : 0;
  let lastId = options.records;

  async function write(count: number): Promise<void> {
    const kind = random.fraction();
    const plaintext = `plain-written-${count}`;
    const id = kind < 0.05 ? String((lastId += 1)) : (ids[random.between(0, ids.length - 1)] ?? '');
    const version = random.fraction() < oldShare ? retired : pinned;
    const value = kms.encrypt(plaintext, aadOf(id), version);
    if (kind < 0.05) await sql.query('INSERT INTO customers VALUES ($1, $2, $3)', [id, value, `note-${id}`]);
    else if (kind < 0.1) await sql.query('DELETE FROM customers WHERE id = $1', [id]);
    else if ((await sql.query('UPDATE customers SET value = $2 WHERE id = $1', [id, value])).rowCount === 0)
      return;
    acknowledged.push({ id, plaintext: kind >= 0.05 && kind < 0.1 ? null : plaintext });
  }

  async function live(): Promise<void> {
    for (let count = 1; !stopped.signal.aborted; count += 1) {
      // A write that was cut may have been done or not: the history tells.
      await write(count).catch(() => undefined);
      await delay(betweenWritesMs, undefined, { signal: stopped.signal }).catch(() => undefined);
    }
  }
  const lived = live();

  return {
    acknowledged,
    forgetOldVersion() {
      oldShare = 0;
    },
    async stop() {
      stopped.abort();
      await lived;
    },
  };
}
