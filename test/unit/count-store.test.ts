import { expect, test } from 'vitest';
import { tallyPage } from '../../src/census/count-batches.ts';
import { countPage } from '../../src/census/count-page.ts';
import { countStore } from '../../src/census/count-store.ts';
import type { Batch } from '../../src/rotation/batch.ts';
import { Fault } from '../../src/rotation/faults.ts';
import type { CensusLedger } from '../../src/rotation/ports/census-ledger.ts';
import type { RecordPage } from '../../src/rotation/ports/record-store.ts';
import { createCore, goalOf, transient, type Core } from '../support/core.ts';
import { createMemoryCensusLedger } from '../support/memory-census-ledger.ts';
import { sealFor } from '../support/memory-kms.ts';

const never = new AbortController().signal;
const plan = { pin: { keyId: 'k1', versionId: 'v2' }, deep: false, planDigest: 'd', pass: null };

/** 95 records under the pin, and one under the version before. */
function seeded(): Core {
  const core = createCore();
  core.seed(96, 'v2');
  core.store.rows.set('5', { value: sealFor('k1', 'v1', 'c/5', 'late'), keyVersion: null });
  return core;
}

function createScene(core = seeded(), ledger = createMemoryCensusLedger()) {
  const queued: Batch[] = [];
  async function* scanRecords(...from: Parameters<Core['store']['scan']>): AsyncGenerator<RecordPage> {
    for await (const { refs, cursor } of core.store.scan(...from))
      yield { records: await core.store.read(refs), cursor };
  }
  const { store, format } = core.deps;
  const deps = { store, format, goal: goalOf(), calls: core.calls, scanRecords, batchSize: 10 };
  const queue = { add: async (batches: readonly Batch[]) => void queued.push(...batches) };
  return {
    core,
    ledger,
    queued,
    async count(through: CensusLedger = ledger): Promise<void> {
      const census = await ledger.open('c1', plan);
      await countStore({ ...deps, queue, ledger: through }, census, never);
    },
    /** As whoever takes batches from the queue does. */
    async countQueued(): Promise<void> {
      const pageDeps = { ...deps, deep: false, storePatienceMs: 0 };
      for (const { epoch, number, refs } of queued) {
        const page = await countPage(pageDeps, refs, never);
        await ledger.settle(epoch, number, await tallyPage(pageDeps, page, 96, never));
      }
    },
  };
}

const whole = { records: 96, byVersion: { v1: 1, v2: 95 }, unreadable: 0, contradicted: 0 };

test('counts every record once, by version, with nothing through the queue', async () => {
  const { count, ledger, queued } = createScene();
  await count();
  expect(queued).toEqual([]);
  expect(await ledger.snapshot()).toMatchObject({ scanned: true, settledBatches: 10, tally: whole });
});

test('one that dies between two steps of a page is gone on with, and nothing is lost or counted twice', async () => {
  for (const dies of ['stage', 'settle'] as const) {
    const { count, countQueued, ledger, queued } = createScene();
    let calls = 0;
    const killed = (step: typeof dies): void => {
      if (step === dies && (calls += 1) === 4) throw new Fault('rotation', 'KILLED', 'killed');
    };
    const dying: CensusLedger = {
      ...ledger,
      stage: async (stage) => (killed('stage'), ledger.stage(stage)),
      settle: async (...settled) => (killed('settle'), ledger.settle(...settled)),
    };
    await expect(count(dying)).rejects.toMatchObject({ code: 'KILLED' });
    await count();
    expect(queued.map(({ number }) => number)).toEqual([dies === 'stage' ? 2 : 3]);
    await countQueued();
    expect(await ledger.snapshot()).toMatchObject({ scanned: true, settledBatches: 10, tally: whole });
  }
});

test('two at once count each record once', async () => {
  const core = seeded();
  const ledger = createMemoryCensusLedger();
  const [one, other] = [createScene(core, ledger), createScene(core, ledger)];
  await Promise.all([one.count(), other.count()]);
  await one.countQueued();
  await other.countQueued();
  expect(await ledger.snapshot()).toMatchObject({ scanned: true, settledBatches: 10, tally: whole });
});

test('waits for a KMS that does not answer, as it is asked about a sample', async () => {
  const { core, count, ledger } = createScene();
  let failures = 3;
  core.kms.trouble = () => {
    if ((failures -= 1) >= 0) throw transient();
    return undefined;
  };
  await count();
  expect(failures).toBeLessThan(0);
  expect(await ledger.snapshot()).toMatchObject({ tally: whole });
});

test('goes no further in the place of another census', async () => {
  const { count, ledger } = createScene();
  const census = await ledger.open('c1', plan);
  const replacing: CensusLedger = {
    ...ledger,
    settle: async (id, batch, tally) => {
      if (batch === 2) {
        await ledger.close(census.id);
        await ledger.open('c2', { ...plan, deep: true });
      }
      return ledger.settle(id, batch, tally);
    },
  };
  await count(replacing);
  expect(await ledger.snapshot()).toMatchObject({ id: 'c2', scanned: false, batches: 0 });
});
