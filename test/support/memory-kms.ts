import { once } from 'node:events';
import { Fault } from '../../src/rotation/faults.ts';
import type { KeyService, ReEncryptItem, ReEncryptResult } from '../../src/rotation/ports/key-service.ts';

/**
 * A KMS of the test's own making, for what the real one does too seldom. Ciphertext is
 * `key|version|aad|nonce|checksum|plaintext`.
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
  /** Its keys and their versions, the primary one last; null = whatever is asked for. */
  holds: { readonly keyIds: readonly string[]; readonly versionIds: readonly string[] } | null;
  /** Makes the nonce of each new ciphertext: by default equal questions have equal answers. */
  nonce: () => string;
}

export function sealFor(
  keyId: string,
  versionId: string,
  aad: string,
  plaintext: string,
  nonce = '',
): Uint8Array {
  const checksum = checksumOf([keyId, versionId, aad, nonce, plaintext]);
  return Buffer.from([keyId, versionId, aad, nonce, checksum, plaintext].join('|'));
}

/** Whether the bytes are as `sealFor` made them. */
export function isSealed(ciphertext: Uint8Array): boolean {
  const { keyId, versionId, aad, plaintext, nonce, checksum } = openSealed(ciphertext);
  return checksum === checksumOf([keyId, versionId, aad, nonce, plaintext]);
}

/** FNV-1a: against damage, not against an attacker. */
function checksumOf(parts: readonly string[]): string {
  const text = parts.join('|');
  let hash = 0x811c9dc5;
  for (let place = 0; place < text.length; place += 1)
    hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

export interface Sealed {
  readonly keyId: string;
  readonly versionId: string;
  readonly aad: string;
  readonly nonce: string;
  readonly checksum: string;
  readonly plaintext: string;
}

export function openSealed(ciphertext: Uint8Array): Sealed {
  const [keyId = '', versionId = '', aad = '', nonce = '', checksum = '', plaintext = ''] = Buffer.from(
    ciphertext,
  )
    .toString()
    .split('|');
  return { keyId, versionId, aad, nonce, checksum, plaintext };
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
    holds: null,
    nonce: () => '',
    async reEncrypt(items, signal) {
      kms.requests.push(items.length);
      for (const { sourceKeyId, keyId, versionId } of items) {
        expectKey(kms, sourceKeyId);
        expectKey(kms, keyId, versionId);
      }
      const results: ReEncryptResult[] = [];
      for (const item of items) {
        kms.calls.push(item);
        const instead = await kms.trouble(item, kms.calls.length);
        if (kms.calls.length > kms.answers && !signal.aborted) await once(signal, 'abort');
        if (signal.aborted) throw new Fault('transient', 'ABORTED', 'stopped');
        results.push(instead ?? answer(item, kms.nonce()));
      }
      return results;
    },
    async currentVersion(keyId, versionId) {
      kms.probes += 1;
      kms.probeTrouble();
      expectKey(kms, keyId, versionId);
      return versionId ?? kms.holds?.versionIds.at(-1) ?? 'v2';
    },
    readVersion: (ciphertext) => (kms.readable ? openSealed(ciphertext).versionId || null : null),
    close: async () => undefined,
  };
  return kms;
}

function expectKey({ holds }: MemoryKms, keyId: string, versionId?: string): void {
  if (holds === null) return;
  const known = versionId === undefined || holds.versionIds.includes(versionId);
  if (holds.keyIds.includes(keyId) && known) return;
  throw new Fault('rotation', 'NOT_FOUND', 'KMS knows no such key or version', { peer: 'kms' });
}

function answer(item: ReEncryptItem, nonce: string): ReEncryptResult {
  const sealed = openSealed(item.ciphertext);
  const fits = sealed.keyId === item.sourceKeyId && sealed.aad === Buffer.from(item.sourceAad).toString();
  if (!fits || !isSealed(item.ciphertext)) {
    return new Fault('record', 'INVALID_ARGUMENT', 'KMS refused the ciphertext', { requestId: 'r1' });
  }
  return {
    keyId: item.keyId,
    versionId: item.versionId,
    sourceKeyId: sealed.keyId,
    sourceVersionId: sealed.versionId,
    ciphertext: sealFor(
      item.keyId,
      item.versionId,
      Buffer.from(item.aad).toString(),
      sealed.plaintext,
      nonce,
    ),
  };
}
