/** Bytes of each algorithm's key. AES_256_HSM is AES_256 here: there is no HSM. */
export const keyLengths = { AES_128: 16, AES_192: 24, AES_256: 32, AES_256_HSM: 32 } as const;

export type Algorithm = keyof typeof keyLengths;

/** The algorithms by their number in yandex.cloud.kms.v1.SymmetricAlgorithm; 0 is unspecified. */
export const algorithmNumbers: Readonly<Record<Algorithm, number>> = {
  AES_128: 1,
  AES_192: 2,
  AES_256: 3,
  AES_256_HSM: 4,
};
