import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import type {
  KeyService,
  ReEncryptItem,
  ReEncryptResult,
  ReEncrypted,
} from '../../src/rotation/ports/key-service.ts';

/** A key service on a KMS that holds one key with two usable versions. */
export interface KeyServiceFixture {
  readonly service: KeyService;
  readonly keyId: string;
  /** The older version and the primary one. */
  readonly versions: readonly [old: string, current: string];
  /** Could be the id of a version of the key, but is none. */
  readonly absentVersionId: string;
  encrypt(plaintext: Uint8Array, aad: Uint8Array, versionId?: string): Promise<Uint8Array>;
  decrypt(ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface KeyServiceTraits {
  /** Whether a record can be brought to another AAD; else that is a `rotation` fault. */
  readonly changesAad: boolean;
}

const plaintext = Buffer.from('123-45-6789');
const oldAad = Buffer.from('customer/1');
const newAad = Buffer.from('tenant/7/customer/1');
const noAad = new Uint8Array();

/** What every `KeyService` must do, run against a KMS that really encrypts. */
export function keyServiceContract(
  name: string,
  { changesAad }: KeyServiceTraits,
  make: () => Promise<KeyServiceFixture>,
): void {
  describe(`${name} is a key service`, () => {
    let fixture: KeyServiceFixture;
    beforeAll(async () => {
      fixture = await make();
    });
    afterAll(() => fixture.close());

    const leaveOut = (): void => {};
    const whereAadChanges = changesAad ? test : leaveOut;
    const whereAadStays = changesAad ? leaveOut : test;
    const never = new AbortController().signal;
    const oldVersion = (): string => fixture.versions[0];
    const currentVersion = (): string => fixture.versions[1];

    /** One record under the old version, to bring to the current one. */
    async function makeItem(change: Partial<ReEncryptItem> = {}): Promise<ReEncryptItem> {
      const sourceAad = change.sourceAad ?? oldAad;
      return {
        sourceKeyId: fixture.keyId,
        sourceAad,
        keyId: fixture.keyId,
        versionId: currentVersion(),
        aad: sourceAad,
        ciphertext: await fixture.encrypt(plaintext, sourceAad, oldVersion()),
        ...change,
      };
    }

    async function reEncryptOne(item: ReEncryptItem): Promise<ReEncrypted> {
      const [result] = await fixture.service.reEncrypt([item], never);
      if (result === undefined || result instanceof Fault) throw result ?? new Error('no result');
      return result;
    }

    function expectRecordFault(result: ReEncryptResult | undefined): void {
      expect(result).toBeInstanceOf(Fault);
      expect(result).toMatchObject({ faultClass: 'record', code: expect.stringMatching(/^[A-Z_]+$/) });
    }

    async function expectRefused(item: ReEncryptItem): Promise<void> {
      const results = await fixture.service.reEncrypt([item], never);
      expect(results).toHaveLength(1);
      expectRecordFault(results[0]);
    }

    /** `count` records under the old version, each with an AAD of its own out of seven. */
    async function makeItems(count: number): Promise<ReEncryptItem[]> {
      const different = await Promise.all(
        Array.from({ length: Math.min(count, 7) }, async (_, number) => {
          const aad = Buffer.from(`customer/${number}`);
          return makeItem({ sourceAad: aad, aad });
        }),
      );
      return Array.from({ length: count }, (_, number) => different[number % different.length]).filter(
        (item) => item !== undefined,
      );
    }

    async function expectRotated(result: ReEncryptResult | undefined, item: ReEncryptItem): Promise<void> {
      if (result === undefined || result instanceof Fault) throw result ?? new Error('no result');
      expect(result.versionId).toBe(currentVersion());
      expect(Buffer.from(await fixture.decrypt(result.ciphertext, item.aad))).toEqual(plaintext);
    }

    test('brings a ciphertext to the pinned version, with the plaintext unchanged', async () => {
      const item = await makeItem();
      const result = await reEncryptOne(item);
      expect(result).toMatchObject({
        keyId: fixture.keyId,
        versionId: currentVersion(),
        sourceKeyId: fixture.keyId,
        sourceVersionId: oldVersion(),
      });
      expect(Buffer.compare(result.ciphertext, item.ciphertext)).not.toBe(0);
      expect(Buffer.from(await fixture.decrypt(result.ciphertext, oldAad))).toEqual(plaintext);
    });

    test('keeps to the pin where it is not the primary version', async () => {
      const ciphertext = await fixture.encrypt(plaintext, oldAad, currentVersion());
      const result = await reEncryptOne(await makeItem({ ciphertext, versionId: oldVersion() }));
      expect(result).toMatchObject({ versionId: oldVersion(), sourceVersionId: currentVersion() });
    });

    whereAadChanges('changes the AAD, so that the old one opens the record no more', async () => {
      const { ciphertext } = await reEncryptOne(await makeItem({ aad: newAad }));
      expect(Buffer.from(await fixture.decrypt(ciphertext, newAad))).toEqual(plaintext);
      await expect(fixture.decrypt(ciphertext, oldAad)).rejects.toMatchObject({ faultClass: 'record' });
    });

    whereAadChanges('adds and removes AAD', async () => {
      const { ciphertext } = await reEncryptOne(await makeItem({ sourceAad: noAad, aad: newAad }));
      expect(Buffer.from(await fixture.decrypt(ciphertext, newAad))).toEqual(plaintext);
      const bare = await reEncryptOne(await makeItem({ ciphertext, sourceAad: newAad, aad: noAad }));
      expect(Buffer.from(await fixture.decrypt(bare.ciphertext, noAad))).toEqual(plaintext);
    });

    whereAadStays('throws a rotation fault where the AAD shall change', async () => {
      for (const aad of [newAad, noAad]) {
        const call = fixture.service.reEncrypt([await makeItem({ aad })], never);
        await expect(call).rejects.toMatchObject({ faultClass: 'rotation' });
      }
    });

    test('takes what it made itself', async () => {
      const { ciphertext } = await reEncryptOne(await makeItem());
      const again = await reEncryptOne(await makeItem({ ciphertext }));
      expect(again.sourceVersionId).toBe(currentVersion());
    });

    test('returns a record fault for a wrong AAD instead of throwing it', async () => {
      await expectRefused({ ...(await makeItem()), sourceAad: newAad, aad: newAad });
    });

    test('returns a record fault for each ciphertext that is none', async () => {
      const { ciphertext } = await makeItem();
      const damaged = Uint8Array.from(ciphertext);
      damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
      const wrong = [Buffer.from('rubbish'), noAad, damaged, ciphertext.subarray(0, ciphertext.length - 1)];
      for (const ciphertext of wrong) await expectRefused(await makeItem({ ciphertext }));
    });

    test('throws a rotation fault for a key that is not there', async () => {
      const item = await makeItem({ keyId: 'no-such-key', sourceKeyId: 'no-such-key' });
      await expect(fixture.service.reEncrypt([item], never)).rejects.toMatchObject({
        faultClass: 'rotation',
      });
      await expect(fixture.service.currentVersion('no-such-key')).rejects.toMatchObject({
        faultClass: 'rotation',
      });
    });

    test('throws a transient fault when it is aborted, before or during the call', async () => {
      const item = await makeItem();
      const aborted = { faultClass: 'transient', code: 'ABORTED' };
      await expect(fixture.service.reEncrypt([item], AbortSignal.abort())).rejects.toMatchObject(aborted);
      const stop = new AbortController();
      const call = fixture.service.reEncrypt([item], stop.signal);
      stop.abort();
      await expect(call).rejects.toMatchObject(aborted);
    });

    test('names the primary version, or confirms another', async () => {
      expect(await fixture.service.currentVersion(fixture.keyId)).toBe(currentVersion());
      expect(await fixture.service.currentVersion(fixture.keyId, oldVersion())).toBe(oldVersion());
    });

    test('throws a fault for a version that is not there, and none of class record', async () => {
      for (const versionId of [fixture.absentVersionId, 'no-such-version']) {
        const call = fixture.service.currentVersion(fixture.keyId, versionId);
        await expect(call).rejects.toMatchObject({ faultClass: 'rotation' });
      }
    });

    test('reads the version offline, or admits that it cannot', async () => {
      const { ciphertext } = await makeItem();
      expect([oldVersion(), null]).toContain(fixture.service.readVersion(ciphertext));
      for (const rubbish of [
        noAad,
        Buffer.from('rubbish'),
        new Uint8Array(100),
        ciphertext.subarray(0, 20),
      ]) {
        expect(fixture.service.readVersion(rubbish)).toBeNull();
      }
    });

    test('takes as many items at once as it says, and keeps their order', async () => {
      const items = await makeItems(fixture.service.itemsPerCall);
      // A server may take less than was hoped for: then the service says so, and says less from then on.
      for (let refused = true; refused;) {
        const { length } = items;
        expect(length).toBeGreaterThanOrEqual(1);
        refused = await fixture.service.reEncrypt(items, never).then(
          () => false,
          (fault: unknown) => {
            expect(fault).toMatchObject({ faultClass: 'record', code: 'REQUEST_TOO_LARGE' });
            expect(fixture.service.itemsPerCall).toBeLessThan(length);
            return true;
          },
        );
        items.length = fixture.service.itemsPerCall;
      }
      const { itemsPerCall } = fixture.service;
      const results = await fixture.service.reEncrypt(items, never);
      expect(results).toHaveLength(itemsPerCall);
      expect(results.filter((result) => result instanceof Fault)).toEqual([]);
      // Their AADs tell the neighbours apart; to open all of a large call would take long.
      for (const [number, item] of items.entries()) {
        if (number < 7 || number >= itemsPerCall - 7) await expectRotated(results[number], item);
      }
    });

    test('leaves the fault of an item in its place, and does the others', async () => {
      const items = await makeItems(Math.min(fixture.service.itemsPerCall, 7));
      const bad = [0, 3, 6];
      const mixed = items.map((item, number) =>
        bad.includes(number) ? { ...item, ciphertext: Buffer.from('rubbish') } : item,
      );
      const results = await fixture.service.reEncrypt(mixed, never);
      expect(results).toHaveLength(mixed.length);
      for (const [number, item] of mixed.entries()) {
        if (bad.includes(number)) expectRecordFault(results[number]);
        else await expectRotated(results[number], item);
      }
    });

    test('does nothing for no items', async () => {
      expect(await fixture.service.reEncrypt([], never)).toEqual([]);
    });
  });
}
