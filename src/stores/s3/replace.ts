import type { HeadObjectCommandOutput, Tag } from '@aws-sdk/client-s3';
import { asFault, Fault } from '../../rotation/faults.ts';
import type { Replacement, ReplaceOutcome } from '../../rotation/record.ts';
import { keptGrants, type KeptGrants } from './grants.ts';
import { keptSettings, whyNotRewritable } from './kept-settings.ts';
import type { S3CiphertextPlace } from './options.ts';
import { metadataValue } from './read.ts';
import type { S3Requests } from './requests.ts';
import { revisionOf } from './revision.ts';
import { notSupported, objectChanged, objectGone } from './s3-fault.ts';

export interface ReplaceOptions {
  readonly ciphertext: S3CiphertextPlace;
  /** Objects of this bucket may have ACLs of their own, which a new body would reset. */
  readonly hasAcls: boolean;
  /** The server says with an object how many tags it has; AWS does, others may have tags and not tell. */
  readonly tellsTags: boolean;
}

/**
 * Replaces one ciphertext where the object is as it was read.
 *
 * `If-Match` makes the swap atomic for the body. A change of nothing but headers or metadata leaves the ETag
 * as it was; the HEAD directly before notices it by time and version and, for the ciphertext itself, by its
 * text. What is left: such a change between this HEAD and the write, which a copy notices too, by `unmodified
 * since`, unless the object had been changed in that same second before; and a change of tags or ACL in that
 * time.
 */
export async function replaceObject(
  requests: S3Requests,
  { ciphertext, hasAcls, tellsTags }: ReplaceOptions,
  change: Replacement,
): Promise<ReplaceOutcome> {
  try {
    const head = await requests.head(change.ref, 'checksums');
    if (revisionOf(head) !== change.revision) return 'conflict';
    const refusal = whyNotRewritable(head, ciphertext);
    if (refusal !== null) return refusal;
    const acl = hasAcls ? await unlessUnknown(requests.acl(change.ref)) : null;
    const grants = acl === null ? {} : keptGrants(acl);
    if (ciphertext.kind === 'metadata')
      return await copyHeader(requests, change, ciphertext.name, head, grants);
    const mayHaveTags = !tellsTags || (head.TagCount ?? 0) > 0;
    const tags = mayHaveTags ? await unlessUnknown(requests.tags(change.ref)) : null;
    await putBody(requests, change, head, { ...grants, ...keptTags(tags ?? []) });
    return 'replaced';
  } catch (error) {
    const fault = asFault(error);
    if (fault.faultClass !== 'record') throw fault;
    return fault.code === objectChanged || fault.code === objectGone ? 'conflict' : fault;
  }
}

async function putBody(
  requests: S3Requests,
  { ref, newValue }: Replacement,
  head: HeadObjectCommandOutput,
  apart: KeptGrants & { Tagging?: string },
): Promise<void> {
  const kept = keptSettings(head, Date.now());
  await requests.put({ ...kept, ...apart, Key: ref, Body: newValue, IfMatch: head.ETag });
}

function keptTags(tags: readonly Tag[]): { Tagging?: string } {
  const pairs = tags.map(({ Key = '', Value = '' }): [string, string] => [Key, Value]);
  return pairs.length === 0 ? {} : { Tagging: new URLSearchParams(pairs).toString() };
}

async function copyHeader(
  requests: S3Requests,
  { ref, oldValue, newValue }: Replacement,
  name: string,
  head: HeadObjectCommandOutput,
  grants: KeptGrants,
): Promise<ReplaceOutcome> {
  const stored = metadataValue(head, name);
  if (stored === null || Buffer.compare(stored, oldValue) !== 0) return 'conflict';
  const text = Buffer.from(newValue).toString('latin1');
  if (!/^[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?$/.test(text)) {
    return new Fault(
      'record',
      'VALUE_REFUSED',
      'the new value is no ASCII text, and a header holds nothing else',
    );
  }
  await requests.copyInPlace({
    ...keptSettings(head, Date.now()),
    ...grants,
    Metadata: { ...head.Metadata, [name.toLowerCase()]: text },
    MetadataDirective: 'REPLACE',
    TaggingDirective: 'COPY',
    Key: ref,
    IfMatch: head.ETag,
    // No source If-Match beside it: where that holds, S3 lets an object pass that was modified since.
    CopySourceIfUnmodifiedSince: head.LastModified,
  });
  return 'replaced';
}

/** Null from a server that does not know what is asked for, and so has none to lose. */
async function unlessUnknown<Reply>(reply: Promise<Reply>): Promise<Reply | null> {
  try {
    return await reply;
  } catch (error) {
    if (asFault(error).code === notSupported) return null;
    throw error;
  }
}
