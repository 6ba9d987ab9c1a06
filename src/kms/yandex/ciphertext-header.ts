/**
 * How a ciphertext of Yandex KMS begins, as read from public samples; not documented, so a hint only:
 *
 *     u32be 1 | u32be 20 | version id, 20 ASCII | u32be 16 | 16 bytes | u32be 12 | 12-byte IV |
 *     ciphertext ‖ 16-byte tag
 */
const versionIdOffset = 8;
const versionIdLength = 20;
const lengthWords: readonly (readonly [offset: number, value: number])[] = [
  [0, 1],
  [4, versionIdLength],
  [28, 16],
  [48, 12],
];
const shortest = 64 + 16;

/** The key version in a ciphertext's header, null on anything unexpected; never throws. */
export function readCiphertextVersion(ciphertext: Uint8Array): string | null {
  if (ciphertext.length < shortest) return null;
  const view = new DataView(ciphertext.buffer, ciphertext.byteOffset, ciphertext.byteLength);
  if (!lengthWords.every(([offset, value]) => view.getUint32(offset) === value)) return null;
  const versionId = String.fromCharCode(
    ...ciphertext.subarray(versionIdOffset, versionIdOffset + versionIdLength),
  );
  return /^[a-z0-9]{20}$/.test(versionId) ? versionId : null;
}
