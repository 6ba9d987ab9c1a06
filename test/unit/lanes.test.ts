import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import { createLanes, type Lane, type Lanes } from '../../src/rotation/calls/lanes.ts';
import { untilFirstFault } from '../../src/rotation/calls/until-first-fault.ts';

const { signal } = new AbortController();
const nobody = (): void => undefined;

/** Lets everything go on that waits for nothing else. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

/** The most that were at work at a time, of all that `during` is called around. */
function countAtWork(): { most: () => number; during: (work: () => Promise<void>) => Promise<void> } {
  let atWork = 0;
  let most = 0;
  return {
    most: () => most,
    async during(work) {
      atWork += 1;
      most = Math.max(most, atWork);
      await work().finally(() => (atWork -= 1));
    },
  };
}

test('as many items are at work as there are places, of however many batches', async () => {
  const lanes = createLanes(3);
  const { during, most } = countAtWork();
  const done: number[] = [];
  const batch = (): Promise<unknown> =>
    untilFirstFault(
      numbers(20),
      { lanes },
      (item) => during(settled).then(() => void done.push(item)),
      signal,
    );
  expect(await Promise.all([batch(), batch(), batch()])).toEqual([null, null, null]);
  expect([most(), done.length]).toEqual([3, 60]);
});

test('an older batch is begun to its end first, so that it is written while the next makes its calls', async () => {
  const lanes = createLanes(2);
  const told: string[] = [];
  const batch = (name: string): Promise<unknown> =>
    untilFirstFault(
      numbers(4),
      { lanes },
      (item) => settled().then(() => void told.push(`${name}${item}`)),
      signal,
    );
  await Promise.all([batch('a'), batch('b')]);
  expect(told).toEqual(['a0', 'a1', 'a2', 'a3', 'b0', 'b1', 'b2', 'b3']);
});

test('an item that leaves lends its place to others, and goes on only in a place', async () => {
  const lanes = createLanes(1);
  const told: string[] = [];
  let wake = nobody;
  const asleep = new Promise<void>((resolve) => (wake = resolve));
  const batch = untilFirstFault(
    numbers(5),
    { lanes },
    async (item, lane) => {
      if (item === 0) await lane.leaveFor(() => asleep);
      told.push(`${item} begins`);
      await settled();
      told.push(`${item} ends`);
      if (item === 2) wake();
    },
    signal,
  );
  expect(await batch).toBeNull();
  expect(told.join(', ')).toBe(
    '1 begins, 1 ends, 2 begins, 2 ends, 0 begins, 0 ends, 3 begins, 3 ends, 4 begins, 4 ends',
  );
});

test('all places are used again after items have slept, worked in parts and failed', async () => {
  const lanes = createLanes(4);
  const restless = numbers(50);
  await untilFirstFault(
    restless,
    { lanes },
    async (item, lane) => {
      if (item % 3 === 0) await lane.leaveFor(settled);
      if (item % 3 === 1) await inTwoParts(lanes, lane);
      await settled();
    },
    signal,
  );
  const failing = untilFirstFault(restless, { lanes }, () => Promise.reject(new Error('all')), signal);
  expect(await failing).toMatchObject({ code: 'INTERNAL_ERROR' });
  const { during, most } = countAtWork();
  await untilFirstFault(restless, { lanes }, () => during(settled), signal);
  expect(most()).toBe(4);
});

async function inTwoParts(lanes: Lanes, lane: Lane): Promise<number[]> {
  return lane.leaveFor(() =>
    Promise.all([1, 2].map((part) => lanes.inLane(lane.signal, () => settled().then(() => part)))),
  );
}

test('an item may work in parts where there is one place, and takes their failure over', async () => {
  const lanes = createLanes(1);
  const seen: number[][] = [];
  await untilFirstFault(
    [0],
    { lanes },
    async (_, lane) => void seen.push(await inTwoParts(lanes, lane)),
    signal,
  );
  expect(seen).toEqual([[1, 2]]);
  const failing = untilFirstFault(
    [0],
    { lanes },
    (_, lane) => lane.leaveFor(() => lanes.inLane(signal, () => Promise.reject(new Error('part')))),
    signal,
  );
  expect(await failing).toMatchObject({ cause: { message: 'part' } });
});

test('while many of a batch sleep, not all of it is begun, and it is done once they wake', async () => {
  const lanes = createLanes(1);
  let begun = 0;
  let wake = nobody;
  const asleep = new Promise<void>((resolve) => (wake = resolve));
  const sleepers = untilFirstFault(
    numbers(1000),
    { lanes },
    async (_, lane) => {
      begun += 1;
      await lane.leaveFor(() => asleep);
    },
    signal,
  );
  await settled();
  expect(begun).toBe(50);
  wake();
  expect(await sleepers).toBeNull();
  expect(begun).toBe(1000);
});

test('each item is worked on in the context of its own batch, whichever lane does it', async () => {
  const lanes = createLanes(2);
  const batchOf = new AsyncLocalStorage<string>();
  const seen: string[] = [];
  const batch = (name: string): Promise<unknown> =>
    batchOf.run(name, () =>
      untilFirstFault(
        numbers(3),
        { lanes },
        async () => {
          seen.push(`${name} in ${batchOf.getStore()}`);
          await settled();
        },
        signal,
      ),
    );
  await Promise.all([batch('a'), batch('b')]);
  expect(seen).toEqual([...Array(3).fill('a in a'), ...Array(3).fill('b in b')]);
});

test('a batch that is aborted ends with what was begun of it, an empty one at once, and the others go on', async () => {
  const lanes = createLanes(2);
  const control = new AbortController();
  let begun = 0;
  const stopped = untilFirstFault(
    numbers(100),
    { lanes },
    async () => {
      begun += 1;
      await settled();
      control.abort();
    },
    control.signal,
  );
  const done: number[] = [];
  const other = untilFirstFault(numbers(3), { lanes }, async (item) => void done.push(item), signal);
  expect(await Promise.all([stopped, other])).toEqual([null, null]);
  expect([begun, done]).toEqual([2, [0, 1, 2]]);
  expect(await untilFirstFault([], { lanes }, () => Promise.reject(new Error('none')), signal)).toBeNull();
  const late = untilFirstFault([0], { lanes }, async () => void (begun += 1), control.signal);
  expect([await late, begun]).toEqual([null, 2]);
});
