/** The kinds of data keys; `AES_256_HSM` is made in a hardware security module. */
export const dataKeySpecs = ['AES_128', 'AES_192', 'AES_256', 'AES_256_HSM'] as const;
export type DataKeySpec = (typeof dataKeySpecs)[number];

export interface UnwrapItem {
  readonly keyId: string;
  readonly aad: Uint8Array;
  readonly ciphertext: Uint8Array;
}

export interface DataKeyItem {
  readonly keyId: string;
  /** The pin. */
  readonly versionId: string;
  readonly aad: Uint8Array;
  readonly dataKeySpec: DataKeySpec;
}

/** A data key in the clear, and what the KMS says it was wrapped with. Whoever has it fills it with zeros. */
export interface PlainDataKey {
  readonly keyId: string;
  readonly versionId: string;
  readonly plaintext: Uint8Array;
}

export interface NewDataKey extends PlainDataKey {
  /** The same key, wrapped. */
  readonly ciphertext: Uint8Array;
}

/**
 * A KMS that hands data keys out in the clear, for `mode: regenerate` alone. Methods make one attempt and
 * throw a `Fault` of class `record`, `transient` or `rotation`.
 */
export interface DataKeyService {
  decrypt(item: UnwrapItem, signal: AbortSignal): Promise<PlainDataKey>;
  generateDataKey(item: DataKeyItem, signal: AbortSignal): Promise<NewDataKey>;
}
