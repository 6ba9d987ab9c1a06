import pLimit from 'p-limit';
import { expect, test } from 'vitest';
import { inLane, type Lane } from '../../src/rotation/calls/lane.ts';
import { untilFirstFault } from '../../src/rotation/calls/until-first-fault.ts';

const { signal } = new AbortController();

/** Lets everything go on that waits for nothing else. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('as many work at a time as there are places, and each place is given back, also by who fails', async () => {
  const limit = pLimit(2);
  const atWork = new Set<number>();
  let most = 0;
  const outcomes = await Promise.allSettled(
    Array.from({ length: 9 }, (_, index) =>
      inLane(limit, signal, async () => {
        atWork.add(index);
        most = Math.max(most, atWork.size);
        await settled();
        atWork.delete(index);
        if (index % 2 === 0) throw new Error(`lane ${index}`);
        return index;
      }),
    ),
  );
  expect(most).toBe(2);
  expect(outcomes.map(({ status }) => status).join(' ')).toBe(
    'rejected fulfilled rejected fulfilled rejected fulfilled rejected fulfilled rejected',
  );
  expect(limit.activeCount).toBe(0);
});

test('who leaves lends the place to others, and goes on only in a place', async () => {
  const limit = pLimit(1);
  const told: string[] = [];
  let wake = (): void => undefined;
  const sleeper = inLane(limit, signal, async (lane) => {
    told.push('sleeps');
    await lane.leaveFor(() => new Promise<void>((resolve) => (wake = resolve)));
    told.push('is back');
  });
  let end = (): void => undefined;
  const other = inLane(limit, signal, async () => {
    told.push('other works');
    await new Promise<void>((resolve) => (end = resolve));
    told.push('other ends');
  });
  await settled();
  wake();
  await settled();
  expect(told).toEqual(['sleeps', 'other works']);
  end();
  await Promise.all([sleeper, other]);
  expect(told).toEqual(['sleeps', 'other works', 'other ends', 'is back']);
});

test('who leaves may have lanes of its own work where there is one place, and takes their failure over', async () => {
  const limit = pLimit(1);
  const inParts = (lane: Lane): Promise<number[]> =>
    lane.leaveFor(() => Promise.all([1, 2].map((part) => inLane(limit, lane.signal, async () => part))));
  expect(await inLane(limit, signal, inParts)).toEqual([1, 2]);
  const failing = inLane(limit, signal, (lane) => lane.leaveFor(() => Promise.reject(new Error('part'))));
  await expect(failing).rejects.toThrow('part');
  expect(limit.activeCount + limit.pendingCount).toBe(0);
});

test('neither an item that has slept nor another batch waits until a batch is done', async () => {
  const limit = pLimit(2);
  const items = Array.from({ length: 1000 }, (_, index) => index);
  let done = 0;
  let doneAtReturn = 0;
  const batch = untilFirstFault(
    items,
    { limit },
    async (item, lane) => {
      if (item === 0) {
        await lane.leaveFor(settled);
        doneAtReturn = done;
      } else await settled();
      done += 1;
    },
    signal,
  );
  let doneAtOther = 0;
  const other = untilFirstFault([null], { limit }, async () => void (doneAtOther = done), signal);
  expect(await Promise.all([batch, other])).toEqual([null, null]);
  expect(doneAtReturn).toBeLessThan(items.length / 2);
  expect(doneAtOther).toBeLessThan(items.length / 2);
});
