import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test as base } from 'vitest';
import type { CensusLedger, CensusPlan, CensusTally } from '../../src/rotation/ports/census-ledger.ts';
import type { TestBroker } from '../support/brokers.ts';
import { newBatch, oddRefs } from './ledger-case.ts';

const hourMs = 60 * 60 * 1000;
const plan: CensusPlan = {
  pin: { keyId: 'key', versionId: 'v2' },
  deep: false,
  planDigest: 'sha256:0',
  pass: 'e1',
};

interface CensusCase {
  rotation: string;
  ledger: CensusLedger;
  /** Begins a census with so many staged batches and gives its id. */
  begun(batches?: number): Promise<string>;
  stage(id: string, number: number, refs?: readonly string[]): Promise<boolean>;
}

function tallyOf(some: Partial<CensusTally>): CensusTally {
  return { records: 0, byVersion: {}, unreadable: 0, byHeader: 0, contradicted: 0, ...some };
}

/** What every adapter of the port `CensusLedger` must do. */
export function describeCensusLedger(name: string, openBroker: () => Promise<TestBroker>): void {
  describe(`census ledger on ${name}`, () => {
    let opened: TestBroker;
    beforeAll(async () => {
      opened = await openBroker();
    });
    afterAll(() => opened.close());
    const test = base.extend<CensusCase>({
      // oxlint-disable-next-line no-empty-pattern -- vitest reads what a fixture needs from its pattern
      rotation: ({}, use) => use(`r-${randomUUID().slice(0, 8)}`),
      ledger: ({ rotation }, use) => use(opened.census(rotation)),
      stage: ({ ledger }, use) =>
        use((id, number, refs = [`ref-${number}`]) =>
          ledger.stage({ batch: newBatch(id, number, refs), cursor: `after-${number}` }),
        ),
      begun: ({ ledger, stage }, use) =>
        use(async (batches = 0) => {
          const id = randomUUID();
          await ledger.open(id, plan);
          for (let number = 0; number < batches; number += 1) await stage(id, number);
          return id;
        }),
    });

    describe('opening', () => {
      test('there is none at first', async ({ ledger }) => {
        expect(await ledger.snapshot()).toBeNull();
        expect(await ledger.snapshot()).toBeNull();
        expect(await ledger.position('c1')).toBeNull();
        expect(await ledger.settle('c1', 0, tallyOf({ records: 1 }))).toBe(false);
        await ledger.close('c1');
      });

      test('a census begins at nothing, with all that it was opened with', async ({ ledger }) => {
        const census = await ledger.open('c1', plan);
        expect(census).toMatchObject({
          id: 'c1',
          pin: plan.pin,
          deep: false,
          planDigest: plan.planDigest,
          enqueued: 0,
          batches: 0,
          settledBatches: 0,
          scanned: false,
          tally: tallyOf({}),
          readAt: null,
        });
        expect(Math.abs(Date.now() - Date.parse(census.startedAt))).toBeLessThan(60_000);
        expect(await ledger.snapshot()).toEqual(census);
        expect(await ledger.position('c1')).toEqual({
          cursor: null,
          scanned: false,
          nextBatch: 0,
          staged: null,
        });
      });

      test('the same plan goes on with what stands', async ({ ledger }) => {
        const first = await ledger.open('c1', plan);
        await ledger.stage({ batch: newBatch('c1', 0, ['a']), cursor: 'a' });
        expect(await ledger.open('c2', plan)).toEqual({ ...first, enqueued: 1, batches: 1 });
        // Of another depth it is told, and stays.
        expect(await ledger.open('c3', { ...plan, deep: true })).toMatchObject({ id: 'c1', deep: false });
      });

      test.for([
        ['key', { pin: { keyId: 'other', versionId: 'v2' } }],
        ['pin', { pin: { keyId: 'key', versionId: 'v3' } }],
        ['plan', { planDigest: 'sha256:1' }],
        ['pass', { pass: 'e2' }],
        ['pass, as there is none now', { pass: null }],
      ] as const)('nothing is taken over from a census with another %s', async ([, change], { ledger }) => {
        await ledger.open('c1', plan);
        await ledger.stage({ batch: newBatch('c1', 0, ['a']), cursor: 'a' });
        await ledger.settle('c1', 0, tallyOf({ records: 1, byVersion: { v1: 1 } }));
        expect(await ledger.open('c2', { ...plan, ...change })).toMatchObject({
          id: 'c2',
          batches: 0,
          settledBatches: 0,
          enqueued: 0,
          tally: tallyOf({}),
        });
        expect(await ledger.settle('c1', 0, tallyOf({ records: 1 }))).toBe(false);
        expect(await ledger.stage({ batch: newBatch('c1', 1, ['b']), cursor: 'b' })).toBe(false);
        expect(await ledger.completeScan('c1')).toBe(false);
        expect(await ledger.position('c1')).toBeNull();
        // The batch of this number is not the one that was settled before.
        await ledger.stage({ batch: newBatch('c2', 0, ['a']), cursor: 'a' });
        await ledger.settle('c2', 0, tallyOf({ records: 1, byVersion: { v2: 1 } }));
        expect(await ledger.snapshot()).toMatchObject({
          settledBatches: 1,
          tally: { byVersion: { v2: 1 } },
        });
      });

      test('nothing is taken over from a census that began a day ago', async ({
        ledger,
        begun,
        rotation,
      }) => {
        const id = await begun();
        await opened.elapse(rotation, 23 * hourMs);
        expect(await ledger.open('next', plan)).toMatchObject({ id });
        await opened.elapse(rotation, hourMs);
        expect(await ledger.open('next', plan)).toMatchObject({ id: 'next' });
      });

      test('a closed census keeps its counts, and nobody goes on with it', async ({ ledger, begun }) => {
        const id = await begun(1);
        await ledger.settle(id, 0, tallyOf({ records: 3 }));
        await ledger.close('another');
        expect(await ledger.open('next', plan)).toMatchObject({ id });
        await ledger.close(id);
        await ledger.close(id);
        expect(await ledger.snapshot()).toMatchObject({ id, tally: { records: 3 } });
        expect(await ledger.open('next', plan)).toMatchObject({ id: 'next', tally: tallyOf({}) });
      });

      test('of censuses that begin at once there is one, and all are told it', async ({ ledger }) => {
        const ids = Array.from({ length: 10 }, (_, i) => `c${i}`);
        const told = await Promise.all(ids.map((id) => ledger.open(id, plan)));
        expect(new Set(told.map((census) => census.id)).size).toBe(1);
      });
    });

    describe('staging', () => {
      test('a staged batch and the cursor behind it come back as they were', async ({ ledger, begun }) => {
        const id = await begun();
        const batch = newBatch(id, 0, oddRefs);
        expect(await ledger.stage({ batch, cursor: 'c\0\u{1f511}"' })).toBe(true);
        expect(await ledger.position(id)).toEqual({
          cursor: 'c\0\u{1f511}"',
          scanned: false,
          nextBatch: 1,
          staged: batch,
        });
      });

      test('a number is given once: repeated it counts once, out of turn it is refused', async ({
        ledger,
        begun,
        stage,
      }) => {
        const id = await begun();
        const won = await Promise.all(Array.from({ length: 10 }, (_, i) => stage(id, 0, [`of-${i}`])));
        expect(won.filter(Boolean)).toHaveLength(1);
        expect(await stage(id, 1, ['a', 'b'])).toBe(true);
        expect(await stage(id, 1, ['a', 'b'])).toBe(true);
        expect(await stage(id, 1, ['a', 'c'])).toBe(false);
        expect(await stage(id, 0)).toBe(false);
        expect(await stage(id, 3)).toBe(false);
        expect(await ledger.snapshot()).toMatchObject({ batches: 2, enqueued: 3 });
      });

      test('after the end of the scan there is no further batch, but the last one again', async ({
        ledger,
        begun,
        stage,
      }) => {
        const id = await begun(1);
        expect(await ledger.completeScan(id)).toBe(true);
        expect(await stage(id, 0)).toBe(true);
        expect(await stage(id, 1)).toBe(false);
        expect(await ledger.snapshot()).toMatchObject({ batches: 1, scanned: true });
      });

      test('a repeated end of the scan does not move the time of the last read', async ({
        ledger,
        begun,
      }) => {
        const id = await begun();
        await ledger.completeScan(id);
        const census = await ledger.snapshot();
        expect(Date.parse(census?.readAt ?? '')).toBeGreaterThanOrEqual(Date.parse(census?.startedAt ?? ''));
        expect(await ledger.completeScan(id)).toBe(true);
        expect(await ledger.snapshot()).toEqual(census);
      });
    });

    describe('settling', () => {
      test('a batch counts once, however often and from how many processes it is settled', async ({
        ledger,
        begun,
      }) => {
        const id = await begun(40);
        const tally = tallyOf({
          records: 7,
          byVersion: { v1: 2, v2: 4 },
          unreadable: 1,
          byHeader: 5,
          contradicted: 3,
        });
        await Promise.all(Array.from({ length: 120 }, (_, i) => ledger.settle(id, i % 40, tally)));
        expect(await ledger.snapshot()).toMatchObject({
          settledBatches: 40,
          tally: {
            records: 280,
            byVersion: { v1: 80, v2: 160 },
            unreadable: 40,
            byHeader: 200,
            contradicted: 120,
          },
        });
      });

      test('a batch that was never staged counts nothing', async ({ ledger, begun }) => {
        const id = await begun(1);
        expect(await ledger.settle(id, 1, tallyOf({ records: 1, byVersion: { v1: 1 } }))).toBe(true);
        expect(await ledger.snapshot()).toMatchObject({
          settledBatches: 0,
          tally: tallyOf({}),
          readAt: null,
        });
      });

      test('versions of any name are counted, each by itself', async ({ ledger, begun }) => {
        const id = await begun(1);
        const byVersion = { '': 1, "v1 (with the source's AAD)": 2, 'ключ "\u{1f511}"': 3, '7': 4, a: 5 };
        await ledger.settle(id, 0, tallyOf({ records: 15, byVersion }));
        expect((await ledger.snapshot())?.tally.byVersion).toEqual(byVersion);
      });

      test('a NUL in the name of a version stops no census', async ({ ledger, begun }) => {
        const id = await begun(1);
        await ledger.settle(id, 0, tallyOf({ records: 3, byVersion: { 'a\0': 1, 'a\uFFFD': 2 } }));
        const { tally } = (await ledger.snapshot()) ?? { tally: tallyOf({}) };
        expect(Object.values(tally.byVersion).reduce((sum, each) => sum + each, 0)).toBe(3);
      });
    });

    test('the rotation and its census do not see one another', async ({ ledger, begun, rotation }) => {
      const id = await begun(1);
      expect(await opened.ledger(rotation).snapshot()).toMatchObject({ state: 'new' });
      await opened.ledger(rotation).begin({ ...plan, planParts: { source: 'a' }, epoch: 'e9', estimate: 1 });
      expect(await ledger.snapshot()).toMatchObject({ id, batches: 1 });
      expect(await opened.census(`${rotation}-2`).snapshot()).toBeNull();
    });
  });
}
