import { once } from 'node:events';
import { Fault } from '../../src/rotation/faults.ts';
import type { KeyService, ReEncryptItem, ReEncryptResult } from '../../src/rotation/ports/key-service.ts';

/**
 * A KMS of the test's own making, for what the real one does too seldom. Ciphertext is
 * `key|version|aad|plaintext`.
 */
export interface MemoryKms extends KeyService {
  itemsPerCall: number;
  readonly calls: ReEncryptItem[];
  /** The number of items of each request. */
  readonly requests: number[];
  probes: number;
  /** Runs before each answer; throws or returns what the KMS shall do instead. */
  trouble: (
    item: ReEncryptItem,
    call: number,
  ) => ReEncryptResult | undefined | Promise<ReEncryptResult | undefined>;
  probeTrouble: () => void;
  /** Later calls than this one are under way until they are stopped. */
  answers: number;
  /** Whether headers can be read offline. */
  readable: boolean;
}

export function sealFor(keyId: string, versionId: string, aad: string, plaintext: string): Uint8Array {
  return Buffer.from([keyId, versionId, aad, plaintext].join('|'));
}

export function openSealed(ciphertext: Uint8Array): {
  keyId: string;
  versionId: string;
  aad: string;
  plaintext: string;
} {
  const [keyId = '', versionId = '', aad = '', plaintext = ''] = Buffer.from(ciphertext)
    .toString()
    .split('|');
  return { keyId, versionId, aad, plaintext };
}

export function createMemoryKms(): MemoryKms {
  const kms: MemoryKms = {
    itemsPerCall: 1,
    calls: [],
    requests: [],
    probes: 0,
    readable: false,
    trouble: () => undefined,
    probeTrouble: () => undefined,
    answers: Infinity,
    async reEncrypt(items, signal) {
      kms.requests.push(items.length);
      const results: ReEncryptResult[] = [];
      for (const item of items) {
        kms.calls.push(item);
        const instead = await kms.trouble(item, kms.calls.length);
        if (kms.calls.length > kms.answers && !signal.aborted) await once(signal, 'abort');
        if (signal.aborted) throw new Fault('transient', 'ABORTED', 'stopped');
        results.push(instead ?? answer(item));
      }
      return results;
    },
    async currentVersion(_keyId, versionId = 'v2') {
      kms.probes += 1;
      kms.probeTrouble();
      return versionId;
    },
    readVersion: (ciphertext) => (kms.readable ? openSealed(ciphertext).versionId : null),
    close: async () => undefined,
  };
  return kms;
}

function answer(item: ReEncryptItem): ReEncryptResult {
  const sealed = openSealed(item.ciphertext);
  if (sealed.keyId !== item.sourceKeyId || sealed.aad !== Buffer.from(item.sourceAad).toString()) {
    return new Fault('record', 'INVALID_ARGUMENT', 'KMS refused the ciphertext', { requestId: 'r1' });
  }
  return {
    keyId: item.keyId,
    versionId: item.versionId,
    sourceKeyId: sealed.keyId,
    sourceVersionId: sealed.versionId,
    ciphertext: sealFor(item.keyId, item.versionId, Buffer.from(item.aad).toString(), sealed.plaintext),
  };
}
