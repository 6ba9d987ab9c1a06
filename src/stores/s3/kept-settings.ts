import type { ChecksumAlgorithm, HeadObjectCommandOutput } from '@aws-sdk/client-s3';
import { Fault } from '../../rotation/faults.ts';
import type { S3CiphertextPlace } from './options.ts';

/**
 * Amazon S3 user guide, "Copying objects": a larger one needs a multipart copy, which cannot be conditional
 * as a whole.
 */
const maxCopiedBytes = 5 * 1024 ** 3;

const checksums = [
  ['ChecksumSHA256', 'SHA256'],
  ['ChecksumSHA1', 'SHA1'],
  ['ChecksumCRC32C', 'CRC32C'],
  ['ChecksumCRC64NVME', 'CRC64NVME'],
  ['ChecksumCRC32', 'CRC32'],
] as const satisfies readonly (readonly [keyof HeadObjectCommandOutput, ChecksumAlgorithm])[];

/**
 * What S3 does not keep by itself when an object is written again, in the words of PutObject and CopyObject.
 * Tags and ACL are asked for apart. Not to be had from S3, and lost: the encryption context of SSE-KMS and,
 * where the body is written, annotations and the division into parts. The lock is told only to those with the
 * rights s3:GetObjectRetention and s3:GetObjectLegalHold; the version that was replaced keeps its own in any
 * case.
 */
export function keptSettings(head: HeadObjectCommandOutput, nowMs: number) {
  const { CacheControl, ContentDisposition, ContentEncoding, ContentLanguage, ContentType, Expires } = head;
  const { Metadata, StorageClass, WebsiteRedirectLocation, ServerSideEncryption, SSEKMSKeyId } = head;
  const lock = keptLock(head, nowMs);
  // S3 takes a request with a lock only with a checksum.
  const checksum =
    checksums.find(([name]) => head[name] !== undefined)?.[1] ??
    (Object.keys(lock).length === 0 ? undefined : ('CRC32' as const));
  return {
    CacheControl,
    ContentDisposition,
    ContentEncoding,
    ContentLanguage,
    ContentType,
    Expires,
    Metadata,
    StorageClass,
    WebsiteRedirectLocation,
    ServerSideEncryption,
    SSEKMSKeyId,
    // Without it a bucket's default would switch bucket keys on.
    ...(ServerSideEncryption === 'aws:kms' ? { BucketKeyEnabled: head.BucketKeyEnabled ?? false } : {}),
    ...lock,
    ...(checksum === undefined ? {} : { ChecksumAlgorithm: checksum }),
  };
}

/** Only what still holds: S3 refuses a date that is past. */
function keptLock(head: HeadObjectCommandOutput, nowMs: number) {
  const { ObjectLockMode, ObjectLockRetainUntilDate, ObjectLockLegalHoldStatus, ObjectLockEventHold } = head;
  const { ObjectLockEventHoldDurationDays, ObjectLockEventHoldDurationYears } = head;
  const isRetained = (ObjectLockRetainUntilDate?.getTime() ?? 0) > nowMs;
  return {
    ...(isRetained ? { ObjectLockMode, ObjectLockRetainUntilDate } : {}),
    ...(ObjectLockLegalHoldStatus === 'ON' ? { ObjectLockLegalHoldStatus } : {}),
    ...(ObjectLockEventHold === 'ON'
      ? { ObjectLockEventHold, ObjectLockEventHoldDurationDays, ObjectLockEventHoldDurationYears }
      : {}),
  };
}

/** Why this object cannot be written again as it is; null where it can. */
export function whyNotRewritable(head: HeadObjectCommandOutput, ciphertext: S3CiphertextPlace): Fault | null {
  if ((head.MissingMeta ?? 0) > 0) {
    return refusal(
      'S3_UNKEPT_HEADERS',
      'has metadata that S3 cannot give as headers, and would lose it: write it again in ASCII',
    );
  }
  const texts = [
    ...Object.entries(head.Metadata ?? {}).flat(),
    head.CacheControl,
    head.ContentDisposition,
    head.ContentEncoding,
    head.ContentLanguage,
    head.ContentType,
    head.WebsiteRedirectLocation,
  ];
  // A signature covers these headers as UTF-8, and HTTP carries them as single bytes.
  if (!texts.every((text) => /^[\x20-\x7e\t]*$/.test(text ?? ''))) {
    return refusal(
      'S3_UNKEPT_HEADERS',
      'has metadata or headers beyond ASCII, which cannot be written again as they are',
    );
  }
  if (head.ExpiresString !== head.Expires?.toUTCString()) {
    return refusal(
      'S3_UNKEPT_HEADERS',
      'has an Expires header that is no date in the usual form, and cannot be written again as it is',
    );
  }
  if (ciphertext.kind === 'body') return null;
  if (isArchived(head)) return refusal('S3_OBJECT_ARCHIVED', 'is in an archive: restore it first');
  if ((head.ContentLength ?? 0) > maxCopiedBytes) {
    return refusal(
      'S3_OBJECT_TOO_LARGE',
      'is larger than 5 GiB, and S3 copies no such object in one request',
    );
  }
  return null;
}

function isArchived({ StorageClass, ArchiveStatus, Restore }: HeadObjectCommandOutput): boolean {
  const isCold = StorageClass === 'GLACIER' || StorageClass === 'DEEP_ARCHIVE' || ArchiveStatus !== undefined;
  return isCold && Restore?.includes('ongoing-request="false"') !== true;
}

function refusal(code: string, what: string): Fault {
  return new Fault('record', code, `the object ${what}`);
}
