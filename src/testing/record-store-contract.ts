import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ScanPage } from '../rotation/ports/record-store.ts';
import {
  replacementOf,
  type Cursor,
  type Ref,
  type ReplaceOutcome,
  type StoredRecord,
} from '../rotation/record.ts';
import { recordScanContract } from './record-scan-contract.ts';
import { recordSampleContract } from './record-sample-contract.ts';
import type { RecordStoreFixture, RecordStoreTraits } from './record-store-fixture.ts';

export type { RecordStoreFixture, RecordStoreTraits, SeedRecord } from './record-store-fixture.ts';

const never = new AbortController().signal;

/**
 * Declares the tests of what every `RecordStore` must do, in vitest; a user's own adapter runs them too. Call
 * it at the top of a test file or in a `describe`. `make` is called before each test and gives a new, empty
 * store, so that no test sees the records of another.
 */
export function recordStoreContract(
  name: string,
  make: () => Promise<RecordStoreFixture>,
  traits: RecordStoreTraits = {},
): void {
  const {
    notesVersion = false,
    knowsNull = true,
    knowsFields = true,
    checks = true,
    samples = true,
    scansRecords = false,
  } = traits;
  const { tenantField = 'tenant', batchSize = 1000 } = traits;
  const makeValue = traits.makeValue ?? ((label: string) => Buffer.from(`value of ${label}`));

  describe(`${name} as a record store`, () => {
    let fixture: RecordStoreFixture;
    beforeEach(async () => {
      fixture = await make();
    });
    afterEach(async () => {
      await fixture.close();
    });

    /** `id-001`, …, in an order that is not the one they are put in. */
    async function seedMany(count: number): Promise<readonly Ref[]> {
      const ids = Array.from(
        { length: count },
        (_, index) => `id-${String((index * 7919) % count).padStart(4, '0')}`,
      );
      return fixture.seed(ids.map((id) => ({ id, value: makeValue(id), tenant: `tenant of ${id}` })));
    }
    async function seedOne(label = 'old'): Promise<Ref> {
      return one(
        await fixture.seed([{ id: 'only', value: makeValue(label), tenant: 'acme' }]),
        'ref from seed()',
      );
    }
    async function scanPages(limit: number, from: Cursor | null = null, signal = never): Promise<ScanPage[]> {
      const pages: ScanPage[] = [];
      for await (const page of fixture.store.scan(from, limit, signal)) pages.push(page);
      return pages;
    }
    async function* scanRecordRefs(from: Cursor | null, limit: number, signal: AbortSignal) {
      for await (const { records, cursor } of fixture.store.scanRecords?.(from, limit, signal) ?? [])
        yield { refs: records.map(({ ref }) => ref), cursor };
    }
    async function scanRefs(limit = 100, from: Cursor | null = null): Promise<Ref[]> {
      return (await scanPages(limit, from)).flatMap(({ refs }) => refs);
    }
    async function readOne(ref: Ref): Promise<StoredRecord> {
      return one(await fixture.store.read([ref]), 'record from read() of one ref');
    }
    async function seedAndRead(label = 'old'): Promise<StoredRecord> {
      return readOne(await seedOne(label));
    }
    function replaceOne(read: StoredRecord, label: string): Promise<ReplaceOutcome[]> {
      return fixture.store.replace([replacementOf(read, makeValue(label), 'v2')]);
    }

    const scene = { fixture: () => fixture, seed: seedMany, makeValue, knowsNull };
    recordScanContract('scan', { ...scene, scan: (...from) => fixture.store.scan(...from) });
    if (scansRecords) {
      recordScanContract('scanRecords', { ...scene, scan: scanRecordRefs });

      test('scanRecords gives what read gives', async () => {
        const refs = await seedMany(30);
        const scanned: StoredRecord[] = [];
        for await (const { records } of fixture.store.scanRecords?.(null, 7, never) ?? [])
          scanned.push(...records);
        const byRef = (left: StoredRecord, right: StoredRecord): number => left.ref.localeCompare(right.ref);
        expect(scanned.toSorted(byRef)).toEqual((await fixture.store.read(refs)).toSorted(byRef));
      });
    }

    describe('read', () => {
      test('gives exact bytes, fields and the ref that was asked for', async () => {
        const refs = await seedMany(30);
        const records = await fixture.store.read(await scanRefs());
        expect(new Set(records.map(({ ref }) => ref))).toEqual(new Set(refs));
        for (const record of records) {
          const raw = await fixture.readRaw(record.ref);
          expect(Buffer.from(record.value)).toEqual(Buffer.from(raw ?? []));
          if (knowsFields) expect(record.fields[tenantField]).toMatch(/^tenant of id-/);
        }
      });

      test('leaves out what is gone, and gives the rest', async () => {
        const [gone = '', ...rest] = await seedMany(5);
        await fixture.remove(gone);
        expect(refsOf(await fixture.store.read([gone, ...rest]))).toEqual(rest.toSorted());
      });

      if (knowsNull)
        test('leaves out a record that was emptied', async () => {
          const [emptied = '', ...rest] = await seedMany(3);
          await fixture.write(emptied, null);
          expect(refsOf(await fixture.store.read([emptied, ...rest]))).toEqual(rest.toSorted());
        });

      if (knowsFields)
        test('a field that is NULL is null', async () => {
          const ref = one(
            await fixture.seed([{ id: 'only', value: makeValue('a'), tenant: null }]),
            'ref from seed()',
          );
          expect((await readOne(ref)).fields).toEqual({ [tenantField]: null });
        });

      test('gives a ref named twice once', async () => {
        const ref = await seedOne();
        expect(refsOf(await fixture.store.read([ref, ref]))).toEqual([ref]);
      });

      test('nothing asked for is nothing read', async () => {
        await seedOne();
        expect(await fixture.store.read([])).toEqual([]);
      });

      test('takes a whole batch at a time', async () => {
        const refs = await seedMany(batchSize);
        expect(refsOf(await fixture.store.read(refs))).toEqual(refs.toSorted());
      });
    });

    describe('replace', () => {
      test('writes the new value, and nothing else of the record', async () => {
        const before = await seedAndRead();
        expect(await replaceOne(before, 'new')).toEqual(['replaced']);
        expect(bytes(await fixture.readRaw(before.ref))).toEqual(bytes(makeValue('new')));
        const after = await readOne(before.ref);
        expect(after.fields).toEqual(before.fields);
        expect(after.keyVersion ?? null, 'the note of the key version').toBe(notesVersion ? 'v2' : null);
      });

      test('what was read can be replaced', async () => {
        const records = await fixture.store.read(await seedMany(50));
        const changes = records.map((read) => replacementOf(read, makeValue(`new ${read.ref}`), 'v2'));
        expect(await fixture.store.replace(changes)).toEqual(changes.map(() => 'replaced'));
        for (const { ref, newValue } of changes)
          expect(bytes(await fixture.readRaw(ref))).toEqual(bytes(newValue));
      });

      test('what was replaced can be read and replaced again', async () => {
        const first = await seedAndRead();
        await replaceOne(first, 'second');
        expect(await replaceOne(await readOne(first.ref), 'third')).toEqual(['replaced']);
        expect(bytes(await fixture.readRaw(first.ref))).toEqual(bytes(makeValue('third')));
      });

      test.each(['newer', 'old ', 'ol', 'Old', ' old', 'old\u0301'])(
        'keeps what the application wrote since it was read, and be it much alike (%j)',
        async (label) => {
          const read = await seedAndRead();
          await fixture.write(read.ref, makeValue(label));
          expect(await replaceOne(read, 'new')).toEqual(['conflict']);
          expect(bytes(await fixture.readRaw(read.ref))).toEqual(bytes(makeValue(label)));
        },
      );

      test('does not bring back a record that was removed', async () => {
        const read = await seedAndRead();
        await fixture.remove(read.ref);
        expect(await replaceOne(read, 'new')).toEqual(['conflict']);
        expect(await fixture.readRaw(read.ref)).toBeNull();
      });

      if (knowsNull)
        test('does not fill a record that was emptied', async () => {
          const read = await seedAndRead();
          await fixture.write(read.ref, null);
          expect(await replaceOne(read, 'new')).toEqual(['conflict']);
          expect(await fixture.readRaw(read.ref)).toBeNull();
        });

      test('outcomes stand in the order of the changes', async () => {
        const records = await fixture.store.read(await seedMany(9));
        for (const [index, { ref }] of records.entries())
          if (index % 3 === 0) await fixture.write(ref, makeValue('another'));
        const changes = records.map((read, index) => replacementOf(read, makeValue(`new ${index}`), 'v2'));
        expect(await fixture.store.replace(changes)).toEqual(
          changes.map((_, index) => (index % 3 === 0 ? 'conflict' : 'replaced')),
        );
      });

      test('a second try after a lost reply changes nothing', async () => {
        const read = await seedAndRead();
        await replaceOne(read, 'new');
        expect(await replaceOne(read, 'new again')).toEqual(['conflict']);
        expect(bytes(await fixture.readRaw(read.ref))).toEqual(bytes(makeValue('new')));
      });

      test('of two changes to one record in a call exactly one is made', async () => {
        const read = await seedAndRead();
        const labels = ['first', 'second'];
        const changes = labels.map((label) => replacementOf(read, makeValue(label), 'v2'));
        const outcomes = await fixture.store.replace(changes);
        expect(outcomes).toHaveLength(2);
        expect(outcomes).toEqual(expect.arrayContaining(['conflict', 'replaced']));
        const winner = labels[outcomes.indexOf('replaced')] ?? '';
        expect(bytes(await fixture.readRaw(read.ref))).toEqual(bytes(makeValue(winner)));
      });

      test('of many calls for one record at once exactly one wins', async () => {
        const read = await seedAndRead();
        const labels = Array.from({ length: 8 }, (_, index) => `racer ${index}`);
        const outcomes = (await Promise.all(labels.map((label) => replaceOne(read, label)))).flat();
        expect(outcomes.filter((outcome) => outcome === 'replaced')).toHaveLength(1);
        expect(bytes(await fixture.readRaw(read.ref))).toEqual(
          bytes(makeValue(labels[outcomes.indexOf('replaced')] ?? '')),
        );
      });

      test('nothing asked for is nothing done', async () => {
        expect(await fixture.store.replace([])).toEqual([]);
      });
    });

    if (samples) recordSampleContract({ store: () => fixture.store, seed: seedMany, scan: scanRefs });

    test('no ref and no cursor holds a value: both travel through queues and logs', async () => {
      const ref = await seedOne('secret');
      const text = Buffer.from(makeValue('secret')).toString('latin1');
      for (const page of await scanPages(10)) {
        expect(page.refs).toEqual([ref]);
        for (const shown of [...page.refs, page.cursor])
          expect(Buffer.from(shown).toString('latin1')).not.toContain(text);
      }
    });

    test('has the optional methods that its traits name, and no other', () => {
      const { check, sample, scanRecords } = fixture.store;
      expect([check !== undefined, sample !== undefined, scanRecords !== undefined]).toEqual([
        checks,
        samples,
        scansRecords,
      ]);
    });

    if (checks) {
      test('check says in one line what the store is', async () => {
        expect(await fixture.store.check?.()).toMatch(/^.+$/);
      });
    }

    test('counts its records, exactly where it says so', async () => {
      const [gone = ''] = await seedMany(30);
      await fixture.remove(gone);
      const { records, exact } = await fixture.store.count();
      expect(records).toBeGreaterThan(0);
      if (exact) expect(records).toBe(29);
    });
  });
}

function one<Item>(items: readonly Item[], what: string): Item {
  const [item] = items;
  if (item === undefined || items.length !== 1) throw new Error(`one ${what} expected, not ${items.length}`);
  return item;
}

function refsOf(records: readonly StoredRecord[]): Ref[] {
  return records.map(({ ref }) => ref).toSorted();
}

/** Of one class, so that equality is of the bytes alone. */
function bytes(value: Uint8Array | null): Buffer | null {
  return value === null ? null : Buffer.from(value);
}
