import { Readable } from 'node:stream';
import type { GetObjectCommandOutput, HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { asFault, Fault } from '../../rotation/faults.ts';
import type { Ref, StoredRecord } from '../../rotation/record.ts';
import type { S3StoreOptions } from './options.ts';
import type { S3Requests } from './requests.ts';
import { revisionOf } from './revision.ts';
import { objectGone, toS3Fault } from './s3-fault.ts';

/** A batch holds hundreds of bodies at a time, and no ciphertext of a KMS comes near this. */
const maxBodyBytes = 64 * 1024 * 1024;

type ReadOptions = Pick<S3StoreOptions, 'ciphertext' | 'fields'>;

/**
 * One record; null where there is none. An object that is there and cannot be read (archived, larger than 64
 * MiB, under a key of the client's own) comes with its fault, so that it is set aside and counted, and the
 * records beside it go on.
 */
export async function readObject(
  requests: S3Requests,
  { ciphertext, fields }: ReadOptions,
  ref: Ref,
): Promise<StoredRecord | null> {
  try {
    const reply = ciphertext.kind === 'body' ? await requests.get(ref) : await requests.head(ref);
    const value = ciphertext.kind === 'body' ? await readBody(reply) : metadataValue(reply, ciphertext.name);
    if (value === null) return null;
    const named = fields.map((field) => [field, fieldOf(ref, reply, field)] as const);
    return { ref, value, fields: Object.fromEntries(named), keyVersion: null, revision: revisionOf(reply) };
  } catch (error) {
    const fault = asFault(error);
    if (fault.faultClass !== 'record') throw fault;
    if (fault.code === objectGone) return null;
    const unknown = Object.fromEntries(fields.map((field) => [field, field === 'key' ? ref : null]));
    return { ref, value: new Uint8Array(), fields: unknown, keyVersion: null, revision: null, fault };
  }
}

/** The text of a metadata field as UTF-8; null where the object has no such field. */
export function metadataValue(
  reply: Pick<HeadObjectCommandOutput, 'Metadata'>,
  name: string,
): Uint8Array | null {
  const text = reply.Metadata?.[name.toLowerCase()];
  return text === undefined ? null : Buffer.from(text);
}

async function readBody({ Body, ContentLength }: GetObjectCommandOutput): Promise<Uint8Array> {
  if (Body === undefined) return new Uint8Array();
  if ((ContentLength ?? 0) > maxBodyBytes) {
    if (Body instanceof Readable) Body.destroy();
    throw tooLarge();
  }
  try {
    return await Body.transformToByteArray();
  } catch (error) {
    throw toS3Fault(error, 's3:GetObject');
  }
}

function tooLarge(): Fault {
  return new Fault(
    'record',
    'S3_OBJECT_TOO_LARGE',
    'the object is larger than 64 MiB, and no ciphertext of a KMS is; leave it out by store.prefix or store.suffix',
  );
}

function fieldOf(ref: Ref, reply: Pick<HeadObjectCommandOutput, 'Metadata'>, field: string): string | null {
  if (field === 'key') return ref;
  return reply.Metadata?.[field.replace(/^metadata\./, '')] ?? null;
}
