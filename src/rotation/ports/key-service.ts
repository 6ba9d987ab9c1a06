import type { Fault } from '../faults.ts';

/** One ciphertext to bring from the source key to a version of the target key. */
export interface ReEncryptItem {
  readonly sourceKeyId: string;
  readonly sourceAad: Uint8Array;
  readonly keyId: string;
  /** The version of `keyId` to encrypt with: the pin. */
  readonly versionId: string;
  readonly aad: Uint8Array;
  readonly ciphertext: Uint8Array;
}

/** What the KMS says it did. The caller compares it with what it asked for. */
export interface ReEncrypted {
  readonly keyId: string;
  readonly versionId: string;
  readonly sourceKeyId: string;
  readonly sourceVersionId: string;
  readonly ciphertext: Uint8Array;
}

/** A fault of class `record` stays with its item. */
export type ReEncryptResult = ReEncrypted | Fault;

/**
 * A KMS. Methods throw a `Fault` of class `transient` or `rotation`; a fault of class `record` is returned
 * with its item. They make one attempt: retry is the caller's.
 */
export interface KeyService {
  /**
   * Most items that one call takes. 1 for Yandex; a batch KMS has more, and may find out that it takes fewer.
   */
  readonly itemsPerCall: number;
  /**
   * One call for at most `itemsPerCall` items, which have the same keys and pin; results are aligned with
   * `items`. A fault of class `record` that is thrown is about the call as a whole, which is then parted.
   */
  reEncrypt(items: readonly ReEncryptItem[], signal: AbortSignal): Promise<ReEncryptResult[]>;
  /**
   * The primary version of a key, as the KMS names it when asked to encrypt under it.
   * With `versionId` it proves that this very version can encrypt.
   */
  currentVersion(keyId: string, versionId?: string): Promise<string>;
  /** The key version in a ciphertext's header: a hint, null when it can't tell; never throws. */
  readVersion(ciphertext: Uint8Array): string | null;
  close(): Promise<void>;
}
