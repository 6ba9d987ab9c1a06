import { emptyTally } from '../../src/rotation/batch.ts';
import type { ProcessBatchJob } from '../../src/rotation/ports/batch-queue.ts';
import { Fault } from '../../src/rotation/faults.ts';
import { isSealed } from '../support/memory-kms.ts';
import { pin } from './overseer.ts';
import type { World } from './world.ts';

/** Parts that break a promise, each in one way, as a mistake in an adapter or in the core would. */
export const sabotages: Readonly<Record<string, (world: World) => void>> = {
  'a store that replaces without comparing'({ store }) {
    const { replace } = store;
    store.replace = (changes) =>
      replace(
        changes.map((change) => ({
          ...change,
          oldValue: store.rows.get(change.ref)?.value ?? change.oldValue,
        })),
      );
  },
  'a store that says replaced where the swap was lost'({ store }) {
    const { replace } = store;
    store.replace = async (changes) => (await replace(changes)).map(() => 'replaced');
  },
  'a store whose scan leaves records out'({ store, random }) {
    const { scan } = store;
    store.scan = async function* thinned(from, limit, signal) {
      for await (const page of scan(from, limit, signal)) if (!random.chance(0.1)) yield page;
    };
  },
  'a store that does not show what cannot be opened'({ store }) {
    const { read } = store;
    store.read = async (refs) => (await read(refs)).filter(({ value }) => isSealed(value));
  },
  'a ledger that counts a batch again when it is settled again'({ broker: { ledger } }) {
    const { settle, snapshot } = ledger;
    const seen = new Set<string>();
    let again = 0;
    ledger.settle = async (epoch, batch, tally, ...rest) => {
      if (seen.has(`${epoch} ${batch}`)) again += tally.skipped;
      seen.add(`${epoch} ${batch}`);
      await settle(epoch, batch, tally, ...rest);
      return ledger.snapshot();
    };
    ledger.snapshot = async () => {
      const now = await snapshot();
      return { ...now, tally: { ...now.tally, skipped: now.tally.skipped + again } };
    };
  },
  'a worker that takes batches of another pass for those of this one': ({ broker }) =>
    wrapWork(broker, (work) => async (batch, ...rest) => {
      const { epoch } = await broker.ledger.snapshot();
      return work({ ...batch, epoch: epoch ?? batch.epoch }, ...rest);
    }),
  'a ledger that moves the cursor for a batch that it does not keep'({ broker: { ledger }, random }) {
    const { stage } = ledger;
    ledger.stage = ({ batch, cursor }) =>
      stage({ batch: random.chance(0.1) ? { ...batch, refs: batch.refs.slice(1) } : batch, cursor });
  },
  'a queue that hands a batch on without its counts': ({ broker }) =>
    wrapWork(broker, (work) => async (...job) => {
      const result = await work(...job);
      return result.kind === 'settled'
        ? result
        : { ...result, progress: { ...result.progress, tally: emptyTally } };
    }),
  'a queue that hands a batch on as a whole, with what is counted': ({ broker }) =>
    wrapWork(broker, (work) => async (...job) => {
      const result = await work(...job);
      return result.kind === 'settled'
        ? result
        : { ...result, progress: { ...result.progress, left: job[0].refs } };
    }),
  'a worker that counts what it finds under the pin as its own work'({ broker: { ledger } }) {
    const { settle } = ledger;
    ledger.settle = (epoch, batch, tally, ...rest) =>
      settle(epoch, batch, { ...tally, rotated: tally.rotated + tally.skipped, skipped: 0 }, ...rest);
  },
  'a KMS adapter that names the version it asked for, not the one used'({ kms }) {
    const { reEncrypt } = kms;
    kms.reEncrypt = async (items, signal) =>
      (await reEncrypt(items, signal)).map((result) =>
        result instanceof Fault ? result : { ...result, ...pin },
      );
  },
  'a KMS adapter that gives answers in another order'({ kms }) {
    const { reEncrypt } = kms;
    kms.itemsPerCall = 4;
    kms.reEncrypt = async (items, signal) => (await reEncrypt(items, signal)).toReversed();
  },
  'a header that always names the pin'({ kms }) {
    kms.readVersion = () => pin.versionId;
  },
};

function wrapWork(broker: World['broker'], wrap: (work: ProcessBatchJob) => ProcessBatchJob): void {
  const { portFor } = broker.queue;
  broker.queue.portFor = (process) => {
    const port = portFor(process);
    return { ...port, consume: (work, concurrency) => port.consume(wrap(work), concurrency) };
  };
}
