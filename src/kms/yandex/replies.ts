import { z } from 'zod';
import { Fault } from '../../rotation/faults.ts';
import { describeReply, type HttpReply } from './http.ts';
import { parseJsonBody } from './json-body.ts';
import type { Peer } from './network-fault.ts';

/** A proto3 string in JSON: a field that holds its default may be missing. */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
/**
 * A proto3 `bytes` in JSON. `Buffer.from` skips what is not base64,
 * so the way back must give the same text.
 */
const bytes = text
  .refine((value) => Buffer.from(value, 'base64').toString('base64') === value)
  .transform((value): Uint8Array => Buffer.from(value, 'base64'));

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

/** The body of a success; a transient `BAD_REPLY` fault if it is not what `schema` says. */
export function parseReply<T>(schema: z.ZodType<T>, reply: HttpReply, peer: Peer): T {
  const parsed = parseJsonBody(schema, reply.body);
  if (parsed === null) throw createBadReplyFault(reply, peer);
  return parsed;
}

function createBadReplyFault(reply: HttpReply, peer: Peer): Fault {
  const message =
    `${peer.name} at ${peer.origin} answered HTTP ${reply.status} ` +
    'with a body that is not what it should be';
  return new Fault('transient', 'BAD_REPLY', message, describeReply(reply));
}
