import { z } from 'zod';

/** A proto3 string in JSON: a field that holds its default may be missing. */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
/**
 * A proto3 `bytes` in JSON. `Buffer.from` skips what is not base64, so the way back must give the same text.
 */
const bytes = text.transform((value, context): Uint8Array => {
  // One buffer, so that of a data key in the clear there is no second one to fill with zeros.
  const decoded = Buffer.from(value, 'base64');
  if (decoded.toString('base64') === value) return decoded;
  context.addIssue('is no base64');
  return z.NEVER;
});

export const encryptReply = z.object({ keyId: text, versionId: text, ciphertext: bytes });
export const decryptReply = z.object({ keyId: text, versionId: text, plaintext: bytes });
export const reEncryptReply = z.object({
  keyId: text,
  versionId: text,
  sourceKeyId: text,
  sourceVersionId: text,
  ciphertext: bytes,
});
export const generateDataKeyReply = z
  .object({ keyId: text, versionId: text, dataKeyPlaintext: bytes, dataKeyCiphertext: bytes })
  .transform(({ keyId, versionId, dataKeyPlaintext, dataKeyCiphertext }) => {
    return { keyId, versionId, plaintext: dataKeyPlaintext, ciphertext: dataKeyCiphertext };
  });
/** The same reply where only the version counts, and so must not be missing. */
export const versionReply = z.object({ versionId: z.string().min(1) });
