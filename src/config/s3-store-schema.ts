import { z } from 'zod';
import type { S3StoreConfig } from './keyturn-config.ts';
import { filePath, httpUrl, text } from './scalars.ts';

/** RFC 9110 §5.6.2: the name of a header; S3 gives the names of metadata in lower case. */
const metadataName = text
  .regex(/^[\w!#$%&'*+.^`|~-]+$/, 'is no name of metadata; give it without x-amz-meta-')
  .transform((name) => name.toLowerCase().replace(/^x-amz-meta-/, ''));

/** Objects of a bucket in S3 or its like. */
export function createS3StoreSchema(directory: string) {
  return z
    .strictObject({
      type: z.literal('s3'),
      endpoint: httpUrl.optional().describe('URL of a service other than AWS'),
      region: text.default('us-east-1'),
      bucket: text.regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'is no name of a bucket; mend it'),
      prefix: z.string().default('').describe('Only objects whose key begins with it'),
      suffix: z.string().default('').describe('Only objects whose key ends with it'),
      ciphertext: z
        .union([z.literal('body'), z.strictObject({ metadata: metadataName })], {
          error: 'is no place of a ciphertext; use body or { metadata: name }',
        })
        .default('body')
        .describe('Where the ciphertext is: the whole body, or a metadata field with a wrapped data key'),
      caFile: filePath(directory).optional().describe('PEM file of the certificate authority'),
    })
    .transform(({ ciphertext, endpoint, caFile, ...store }): S3StoreConfig => ({
      ...store,
      endpoint: endpoint ?? null,
      ciphertext: ciphertext === 'body' ? { kind: 'body' } : { kind: 'metadata', name: ciphertext.metadata },
      caFile: caFile ?? null,
    }));
}
