import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { reEncryptReply } from '../../src/kms/yandex/replies.ts';
import { runs } from '../support/property-runs.ts';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
/** What the reply is by the API reference: proto3 in JSON. */
const schema = z.object({
  keyId: text,
  versionId: text,
  sourceKeyId: text,
  sourceVersionId: text,
  ciphertext: text.refine((value) => Buffer.from(value, 'base64').toString('base64') === value),
});

const value = fc.oneof(
  { weight: 5, arbitrary: fc.string() },
  { weight: 3, arbitrary: fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')) },
  fc.constant(null),
  fc.jsonValue(),
);
const reply = fc.record(
  {
    keyId: value,
    versionId: value,
    sourceKeyId: value,
    sourceVersionId: value,
    ciphertext: value,
    more: value,
  },
  { requiredKeys: [] },
);

test('the reply that is checked by hand is as strict as a schema', () => {
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: reply }, fc.jsonValue()), (json) => {
      const ours = reEncryptReply.safeParse(json).data;
      const seen = ours && { ...ours, ciphertext: Buffer.from(ours.ciphertext).toString('base64') };
      expect(seen).toEqual(schema.safeParse(json).data);
    }),
    runs(500),
  );
});
