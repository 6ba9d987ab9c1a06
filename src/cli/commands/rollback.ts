import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { patiently } from '../../rotation/patience.ts';
import type { Journal } from '../../stores/postgres/journal.ts';
import { rollBack, type RollbackReport } from '../../stores/postgres/roll-back.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { auditOf } from '../open-audit.ts';
import { openBroker } from '../open-broker.ts';
import { openLog } from '../open-log.ts';
import { openJournal } from '../open-store.ts';
import type { Output } from '../output.ts';
import { printable } from '../printable.ts';
import { openProgress } from '../progress.ts';
import { requireQuiet } from '../require-quiet.ts';

/** How often it is looked whether somebody has begun or resumed the rotation. */
const lookEveryMs = 1000;
const brokerPatienceMs = 30_000;
const shownToPerson = 20;

/** Puts journalled old ciphertexts back; exit 0 only if all of them are back. Needs no KMS. */
export async function rollback(config: KeyturnConfig, output: Output): Promise<number> {
  const { signal } = listenForInterrupt();
  const log = openLog(config);
  const broker = await openBroker(config, log.fault);
  try {
    const look = (): Promise<void> => requireQuiet(config.rotation, broker.ledger, 'roll back');
    await look();
    const journal = await openJournal(config, 'restore');
    try {
      let lookedAt = performance.now();
      const progress = await openJournalProgress(journal, output);
      const report = await rollBack(journal, {
        batchSize: config.limits.batchSize,
        signal,
        onFault: log.fault,
        async beforeBatch() {
          if (performance.now() - lookedAt < lookEveryMs) return;
          await patiently({ signal, patienceMs: brokerPatienceMs, onFault: log.fault }, look);
          lookedAt = performance.now();
        },
        onProgress: progress.reached,
      }).finally(progress.stop);
      auditOf(config).note({ records: report.counts.restored });
      const { rotation } = config;
      output.result({ rotation, complete: report.complete, ...report.counts, left: report.left }, () =>
        describe(report),
      );
      return codeOf(report);
    } finally {
      await journal.close();
    }
  } finally {
    await broker.close();
  }
}

/** By the numbers of the entries, which are as many as there are swaps, or little more. */
async function openJournalProgress(
  journal: Journal,
  output: Output,
): Promise<{ reached: (seq: string) => void; stop: () => void }> {
  const span = (await journal.span()) ?? { oldest: '1', newest: '0' };
  const above = (seq: string): number => Number(BigInt(span.newest) - BigInt(seq) + 1n);
  const total = above(span.oldest);
  const progress = openProgress('rollback', { done: 0, total }, output);
  return { reached: (seq) => progress.update(above(seq), total), stop: progress.stop };
}

function codeOf({ complete, counts }: RollbackReport): number {
  if (!complete) return exitCode.interrupted;
  return counts.changedSince + counts.gone + counts.locked + counts.refused === 0
    ? exitCode.done
    : exitCode.notDone;
}

function describe({ complete, counts, left }: RollbackReport): string {
  const hidden = left.length - shownToPerson;
  return [
    `${counts.restored} restored, ${counts.alreadyRestored} already restored, ` +
      `${counts.changedSince} changed since, ${counts.gone} gone, ${counts.locked} locked, ` +
      `${counts.refused} refused`,
    ...left.slice(0, shownToPerson).map(({ ref, reason }) => `  ${printable(ref)}  ${meanings[reason]}`),
    ...(hidden > 0 ? [`  and ${hidden} more; --json lists up to 10000`] : []),
    ...(counts.locked > 0 ? ["run 'keyturn rollback' again for what was locked"] : []),
    ...(complete ? [] : ["interrupted; run 'keyturn rollback' again to go on"]),
  ].join('\n');
}

const meanings: Readonly<Record<RollbackReport['left'][number]['reason'], string>> = {
  changedSince: 'changed since, and kept as it is',
  gone: 'is not there any more',
  locked: 'is locked by somebody else',
  refused: 'the table refuses the old value (a constraint, a trigger, a length)',
};
