import { beforeEach, expect, test } from 'vitest';
import { openLateBatches, type LateBatches } from '../../src/producer/enqueue-late.ts';
import type { Batch } from '../../src/rotation/batch.ts';
import { Fault } from '../../src/rotation/faults.ts';
import type { BatchQueue } from '../../src/rotation/ports/batch-queue.ts';
import type { Ledger } from '../../src/rotation/ports/ledger.ts';
import { newPass, tally } from '../contract/ledger-case.ts';
import { createMemoryLedger, type MemoryLedger } from '../support/memory-ledger.ts';

let ledger: MemoryLedger;
let epoch: string;
let added: Batch[];
let extensions: number;
beforeEach(async () => {
  ledger = createMemoryLedger();
  const pass = newPass();
  ({ epoch } = pass);
  [added, extensions] = [[], 0];
  await ledger.begin(pass);
  await ledger.completeScan(epoch);
});

const queue: BatchQueue = {
  add: async (batches) => void added.push(...batches),
  depth: async () => 0,
  counts: async () => ({ waiting: 0, delayed: 0, active: 0, failed: 0 }),
  consume: () => {
    throw new Error('nothing is worked here');
  },
  giveOutDelayed: async () => undefined,
  drain: async () => undefined,
  close: async () => undefined,
};

function openLate(of: Ledger = ledger): LateBatches {
  const onExtended = async (): Promise<void> => void (extensions += 1);
  let looks = 0;
  const bounded: Ledger = {
    ...of,
    async position(asked) {
      looks += 1;
      if (looks > 20) throw new Fault('rotation', 'TOO_MANY', 'it asks for ever');
      return of.position(asked);
    },
  };
  const deps = { ledger: bounded, queue, onFault: () => undefined, onExtended };
  return openLateBatches(deps, epoch, new AbortController().signal);
}

const refsAdded = (): (readonly string[])[] => added.map(({ refs }) => refs);

test('late records get into a pass that another producer has finished meanwhile', async () => {
  const late = openLate();
  await late.add(['a']);
  await ledger.settle(epoch, 0, tally({ rotated: 1 }), [], {});
  // It is at the end of its own scan of the same pass.
  await ledger.completeScan(epoch);
  expect(await ledger.snapshot()).toMatchObject({ state: 'finished' });
  await late.add(['b']);
  expect(refsAdded()).toEqual([['a'], ['b']]);
  expect(await late.close()).toBe(true);
  expect(await ledger.settle(epoch, 1, tally({ rotated: 1 }), [], {})).toMatchObject({ state: 'finished' });
  expect(extensions).toBe(1);
});

test('nothing is added for ever to a pass that was cancelled, or that another one follows', async () => {
  const late = openLate();
  await late.add(['a']);
  await ledger.cancel();
  await late.add(['b']);
  await ledger.begin(newPass());
  await late.add(['c']);
  expect(refsAdded()).toEqual([['a']]);
});

test('a reply that is lost when the pass is extended leaves no late record out, and the pass not open', async () => {
  let lost = 0;
  const late = openLate({
    ...ledger,
    async extend(of) {
      const answer = await ledger.extend(of);
      lost += 1;
      if (lost === 1) throw new Fault('transient', 'BROKER_UNREACHABLE', 'broker is out of reach');
      return answer;
    },
  });
  await late.add(['a']);
  expect(refsAdded()).toEqual([['a']]);
  expect(await late.close()).toBe(true);
  expect(await ledger.settle(epoch, 0, tally({ rotated: 1 }), [], {})).toMatchObject({ state: 'finished' });
});
