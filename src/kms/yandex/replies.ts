import { z } from 'zod';
import type { ReEncrypted } from '../../rotation/ports/key-service.ts';
import type { ReplySchema } from '../connection/json-body.ts';

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
/**
 * Checked by hand, to the letter as the others: it is parsed for every record, and by zod that would be a tenth of what
 * a call costs.
 */
export const reEncryptReply: ReplySchema<ReEncrypted> = {
  safeParse(json) {
    if (typeof json !== 'object' || json === null || Array.isArray(json)) return {};
    const { keyId, versionId, sourceKeyId, sourceVersionId, ciphertext }: Partial<Record<string, unknown>> =
      json;
    if (!isText(keyId) || !isText(versionId) || !isText(sourceKeyId) || !isText(sourceVersionId)) return {};
    if (!isText(ciphertext)) return {};
    const base64 = ciphertext ?? '';
    const decoded = Buffer.from(base64, 'base64');
    if (decoded.toString('base64') !== base64) return {};
    return {
      data: {
        keyId: keyId ?? '',
        versionId: versionId ?? '',
        sourceKeyId: sourceKeyId ?? '',
        sourceVersionId: sourceVersionId ?? '',
        ciphertext: decoded,
      },
    };
  },
};

function isText(value: unknown): value is string | null | undefined {
  return typeof value === 'string' || value === undefined || value === null;
}

export const generateDataKeyReply = z
  .object({ keyId: text, versionId: text, dataKeyPlaintext: bytes, dataKeyCiphertext: bytes })
  .transform(({ keyId, versionId, dataKeyPlaintext, dataKeyCiphertext }) => {
    return { keyId, versionId, plaintext: dataKeyPlaintext, ciphertext: dataKeyCiphertext };
  });
/** The same reply where only the version counts, and so must not be missing. */
export const versionReply = z.object({ versionId: z.string().min(1) });
