import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { Fault } from '../../src/rotation/faults.ts';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import type { DataKeyService } from '../../src/rotation/ports/data-key-service.ts';
import { openSealed, sealFor } from './memory-kms.ts';

const keyBytes = { AES_128: 16, AES_192: 24, AES_256: 32, AES_256_HSM: 32 } as const;

/** Data keys of a KMS in memory: a wrapped one is what `sealFor` makes of its hex. */
export interface MemoryDataKeys extends DataKeyService {
  /** Every data key that was given out in the clear, as it lies in memory now. */
  readonly givenOut: Uint8Array[];
  /** The version that new keys are wrapped with instead of the one asked for. */
  lagsAt: string | null;
  decrypts: number;
  generates: number;
}

export function createMemoryDataKeys(): MemoryDataKeys {
  const keys: MemoryDataKeys = {
    givenOut: [],
    lagsAt: null,
    decrypts: 0,
    generates: 0,
    async decrypt({ keyId, aad, ciphertext }) {
      keys.decrypts += 1;
      const sealed = openSealed(ciphertext);
      if (sealed.keyId !== keyId || sealed.aad !== Buffer.from(aad).toString())
        throw new Fault('record', 'INVALID_ARGUMENT', 'KMS refused the ciphertext');
      const plaintext = Buffer.from(sealed.plaintext, 'hex');
      keys.givenOut.push(plaintext);
      return { keyId, versionId: sealed.versionId, plaintext };
    },
    async generateDataKey({ keyId, versionId, aad, dataKeySpec }) {
      keys.generates += 1;
      const plaintext = randomBytes(keyBytes[dataKeySpec]);
      keys.givenOut.push(plaintext);
      const used = keys.lagsAt ?? versionId;
      const ciphertext = sealFor(keyId, used, Buffer.from(aad).toString(), plaintext.toString('hex'));
      return { keyId, versionId: used, plaintext, ciphertext };
    },
  };
  return keys;
}

/** An envelope as an application writes it, its payload and its wrapped key bound to the same AAD. */
export function sealEnvelope(
  version: string,
  aad: string,
  plaintext: string,
  dataKey = randomBytes(16),
): Buffer {
  const wrapped = sealFor('k1', version, aad, dataKey.toString('hex'));
  const iv = randomBytes(12);
  const cipher = createCipheriv(dataKey.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm', dataKey, iv);
  cipher.setAAD(Buffer.from(aad));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(wrapped.length);
  const sealed = [cipher.update(plaintext), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat([length, wrapped, iv, ...sealed]);
}

/** What an application reads in an envelope. */
export function openEnvelope(value: Uint8Array): { versionId: string; keyBytes: number; plaintext: string } {
  const opened = createFormat('envelope').open(value);
  const { versionId, aad, plaintext } = openSealed(opened.ciphertexts[0] ?? new Uint8Array());
  const dataKey = Buffer.from(plaintext, 'hex');
  const { iv, payload } = opened.envelope ?? { iv: new Uint8Array(), payload: new Uint8Array() };
  const decipher = createDecipheriv(dataKey.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm', dataKey, iv);
  decipher.setAAD(Buffer.from(aad)).setAuthTag(payload.subarray(-16));
  const text = Buffer.concat([decipher.update(payload.subarray(0, -16)), decipher.final()]).toString();
  return { versionId, keyBytes: dataKey.length, plaintext: text };
}
