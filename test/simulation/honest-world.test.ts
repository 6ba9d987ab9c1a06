import { describeCensusLedger } from '../contract/census-ledger.ts';
import { keyServiceContract } from '../contract/key-service.ts';
import { describeLedger } from '../contract/ledger.ts';
import { describePace } from '../contract/pace.ts';
import { recordStoreContract } from '../../src/testing/record-store-contract.ts';
import { openMemoryBroker } from '../support/memory-broker.ts';
import { createMemoryKms, isSealed, openSealed, sealFor } from '../support/memory-kms.ts';
import { createMemoryStore } from '../support/memory-store.ts';
import { Fault } from '../../src/rotation/faults.ts';

// What the simulation runs on keeps the same contracts as what keyturn runs on.
describeLedger('memory', openMemoryBroker);
describeCensusLedger('memory', openMemoryBroker);
describePace('memory', openMemoryBroker);

for (const notesVersion of [false, true]) {
  recordStoreContract(
    `a store in memory ${notesVersion ? 'with' : 'without'} a note of the version`,
    async () => {
      const store = createMemoryStore();
      const keyVersion = notesVersion ? 'v1' : null;
      return {
        store,
        async seed(records) {
          for (const { id, value, tenant } of records)
            if (value !== null) store.rows.set(id, { value, keyVersion, fields: { tenant } });
          return records.map(({ id }) => id);
        },
        async write(ref, value) {
          const row = store.rows.get(ref);
          if (value === null) store.rows.delete(ref);
          else store.rows.set(ref, { ...row, value, keyVersion });
        },
        async remove(ref) {
          store.rows.delete(ref);
        },
        readRaw: async (ref) => store.rows.get(ref)?.value ?? null,
        close: store.close,
      };
    },
    { notesVersion },
  );
}

for (const itemsPerCall of [1, 7]) {
  keyServiceContract(`a KMS in memory, ${itemsPerCall} items a call,`, { changesAad: true }, async () => {
    const service = createMemoryKms();
    service.itemsPerCall = itemsPerCall;
    service.holds = { keyIds: ['k1'], versionIds: ['v1', 'v2'] };
    let made = 0;
    service.nonce = () => String((made += 1));
    return {
      service,
      keyId: 'k1',
      versions: ['v1', 'v2'],
      absentVersionId: 'v9',
      encrypt: async (plaintext, aad, versionId = 'v2') =>
        sealFor(
          'k1',
          versionId,
          Buffer.from(aad).toString(),
          Buffer.from(plaintext).toString(),
          service.nonce(),
        ),
      async decrypt(ciphertext, aad) {
        const sealed = openSealed(ciphertext);
        if (!isSealed(ciphertext) || sealed.aad !== Buffer.from(aad).toString())
          throw new Fault('record', 'INVALID_ARGUMENT', 'KMS refused the ciphertext');
        return Buffer.from(sealed.plaintext);
      },
      close: service.close,
    };
  });
}
