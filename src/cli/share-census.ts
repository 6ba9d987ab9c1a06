import { randomUUID } from 'node:crypto';
import { startCounting } from '../census/count-batches.ts';
import { countStore } from '../census/count-store.ts';
import { finishSharedCensus } from '../census/shared-census.ts';
import { enqueueCensus } from '../producer/enqueue-census.ts';
import type { CensusCount } from '../rotation/certificate.ts';
import type { CensusLedger, CensusPlan, CensusSnapshot } from '../rotation/ports/census-ledger.ts';
import type { LedgerSnapshot, Pin } from '../rotation/ports/ledger.ts';
import type { OpenRotation } from './open-rotation.ts';
import type { Output } from './output.ts';

export interface ShareChoices {
  readonly deep: boolean;
  /** Do not go on with an interrupted census. */
  readonly fresh: boolean;
  readonly onProgress: (records: number) => void;
}

/**
 * A census that the rotation's workers take, and this process where there are none; one that was interrupted is
 * gone on with. Null where it can't be shared or was lost: it is to be taken in this process alone, from the
 * start, and kept nowhere.
 */
export async function shareCensus(
  rotation: OpenRotation,
  snapshot: LedgerSnapshot,
  target: Pin,
  choices: ShareChoices,
  output: Output,
  signal: AbortSignal,
): Promise<CensusCount | null> {
  const { broker, config, log, store } = rotation;
  // Workers of another plan would not count what this config names.
  const samePlan = snapshot.planDigest === null || snapshot.planDigest === rotation.planDigest;
  if (!samePlan) return null;
  const { ledger } = broker.census;
  const workersAlive = async (): Promise<number> => (await broker.ledger.workers()).alive;
  const plan = {
    pin: target,
    deep: choices.deep,
    planDigest: rotation.planDigest,
    pass: snapshot.epoch,
  };
  if (choices.fresh) await ledger.close((await ledger.snapshot())?.id ?? '');
  const workers = await workersAlive();
  const opened = await openCensus(ledger, plan, workers, output);
  if (opened === null) return null;

  const queue = broker.census.openQueue();
  const count = await finishSharedCensus(
    {
      ledger,
      queue,
      enqueue: (stop) => {
        const { batchSize, backlog } = config.limits;
        const { scanRecords } = store;
        // A deep census waits for the KMS, not for the store.
        if (workers === 0 && scanRecords !== undefined && !choices.deep) {
          const goal = rotation.goalFor(target);
          return countStore({ ...rotation, ledger, queue, scanRecords, goal, batchSize }, opened, stop);
        }
        const deps = { store, ledger, queue, batchSize, backlog, onFault: log.fault };
        return enqueueCensus(deps, opened.id, stop);
      },
      workersAlive,
      startCounting: (onFault) => startCounting({ ...rotation, queue, ledger, onFault }),
      onHelp: () => {
        if (workers > 0) output.line('no worker seems to count now: this process counts too');
      },
      onProgress: choices.onProgress,
      onFault: log.fault,
    },
    opened,
    signal,
  );
  if (count === null) {
    output.line(
      'the broker has lost the census, or another verify has begun one; it is taken anew in this process',
    );
  }
  return count;
}

/** Says in a line what is gone on with, or who counts. */
async function openCensus(
  ledger: CensusLedger,
  plan: CensusPlan,
  workers: number,
  output: Output,
): Promise<CensusSnapshot | null> {
  const id = randomUUID();
  const census = await ledger.open(id, plan);
  const { deep, startedAt, tally } = census;
  if (census.id === id) {
    if (workers > 0) output.line(`${workers} ${workers === 1 ? 'worker counts' : 'workers count'}`);
    return census;
  }
  if (deep !== plan.deep) {
    output.line(
      `the census ${deep ? 'with' : 'without'} --deep of ${startedAt} is not at its end, and stays; ` +
        'this one is taken in this process (--fresh ends the other)',
    );
    return null;
  }
  output.line(
    `goes on with the census of ${startedAt}: ${tally.records} records were counted before; ` +
      '--fresh begins anew',
  );
  return census;
}
