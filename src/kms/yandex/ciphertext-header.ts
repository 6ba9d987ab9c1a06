import { viewAsBuffer } from '../../rotation/formats/utf8.ts';

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
const versionIdForm = /^[a-z0-9]{20}$/;

/** The key version in a ciphertext's header, null on anything unexpected; never throws. */
export function readCiphertextVersion(ciphertext: Uint8Array): string | null {
  if (ciphertext.length < shortest) return null;
  const bytes = viewAsBuffer(ciphertext);
  for (const [offset, value] of lengthWords) if (bytes.readUInt32BE(offset) !== value) return null;
  const versionId = bytes.toString('latin1', versionIdOffset, versionIdOffset + versionIdLength);
  return versionIdForm.test(versionId) ? versionId : null;
}
