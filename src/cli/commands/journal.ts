import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { Fault } from '../../rotation/faults.ts';
import type { Journal } from '../../stores/postgres/journal.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { withBroker } from '../open-broker.ts';
import { openJournal } from '../open-store.ts';
import type { Output } from '../output.ts';
import { openProgress } from '../progress.ts';
import { requireQuiet } from '../require-quiet.ts';

/** Drops the rotation's entries, and the journal's table if nothing is left in it. */
export function purgeJournal(config: KeyturnConfig, output: Output): Promise<number> {
  const { signal } = listenForInterrupt();
  const { rotation } = config;
  return withBroker(config, async ({ ledger }) => {
    await requireQuiet(rotation, ledger, 'purge the journal of');
    const purged = await openAndPurge(config, output, signal);
    output.result({ rotation, purged }, () => `${purged} journal entries dropped`);
    return signal.aborted ? exitCode.interrupted : exitCode.done;
  });
}

async function openAndPurge(config: KeyturnConfig, output: Output, signal: AbortSignal): Promise<number> {
  let journal: Journal;
  try {
    journal = await openJournal(config, 'purge');
  } catch (error) {
    // Purged before, or never used: there is nothing to drop, as was wished.
    if (error instanceof Fault && error.code === 'NO_JOURNAL') return 0;
    throw error;
  }
  try {
    const span = await journal.span();
    const total = span === null ? 0 : Number(BigInt(span.newest) - BigInt(span.oldest) + 1n);
    const progress = openProgress('purge', { done: 0, total }, output);
    const purged = await journal.purge((entries) => progress.update(entries), signal).finally(progress.stop);
    if (!signal.aborted) await journal.dropIfEmpty();
    return purged;
  } finally {
    await journal.close();
  }
}
