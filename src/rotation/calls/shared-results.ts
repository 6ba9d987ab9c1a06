import { LRUCache } from 'lru-cache';
import { viewAsBuffer } from '../formats/utf8.ts';
import type { ReEncryptItem } from '../ports/key-service.ts';

/** Larger ciphertexts are no wrapped keys (Tink's limit), and nobody shares them. */
const largestSharedBytes = 4096;
/** Thousands of wrapped keys with their results. */
const cacheBytes = 16 * 1024 * 1024;

/** What the KMS has made of a ciphertext: `null` if it lay under the pin already. */
export interface SharedResult {
  readonly ciphertext: Uint8Array | null;
  readonly sourceVersionId: string;
}

/** Results of the last calls of this process, for records that share a ciphertext and its AAD. */
export interface SharedResults {
  get(key: string): SharedResult | undefined;
  set(key: string, result: SharedResult): void;
}

export function createSharedResults(): SharedResults {
  const results = new LRUCache<string, SharedResult>({
    maxSize: cacheBytes,
    sizeCalculation: ({ ciphertext }, key) => key.length + (ciphertext?.length ?? 0) + 1,
  });
  return {
    get: (key) => results.get(key),
    set: (key, result) => void results.set(key, result),
  };
}

/** The same for requests that have the same answer; null where nobody shares. */
export function sharingKey(item: ReEncryptItem): string | null {
  if (item.ciphertext.length > largestSharedBytes) return null;
  const { sourceKeyId, keyId, versionId } = item;
  // Each length first, so that no two requests run together into one key.
  const parts = [item.sourceAad, item.aad].map((aad) => `${aad.length}:${latin1(aad)}`);
  return [sourceKeyId, keyId, versionId, ...parts, latin1(item.ciphertext)].join('\0');
}

function latin1(bytes: Uint8Array): string {
  return bytes.length === 0 ? '' : viewAsBuffer(bytes).toString('latin1');
}

