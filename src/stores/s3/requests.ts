import type {
  CopyObjectCommandInput,
  CopyObjectCommandOutput,
  GetObjectAclCommandOutput,
  GetObjectCommandOutput,
  HeadObjectCommandOutput,
  ListObjectsV2CommandOutput,
  PutObjectCommandInput,
  PutObjectCommandOutput,
  Tag,
} from '@aws-sdk/client-s3';
import { Fault } from '../../rotation/faults.ts';
import type { S3Clients } from './connect.ts';
import { notOfOneObject, refusedObject, toS3Fault } from './s3-fault.ts';

/** Where a list begins: after a key, or where the list before it ended. */
export interface ListStart {
  /** The last key before it, which all keys must follow; null at the beginning. */
  readonly after: string | null;
  /** S3's own mark of the place. A list may end with one and have no keys, where it met only deleted ones. */
  readonly token: string | null;
}

/** The requests to one bucket. Each throws a `Fault`; that an object is gone is one of class `record` too. */
export interface S3Requests {
  list(prefix: string, start: ListStart, signal?: AbortSignal): Promise<ListObjectsV2CommandOutput>;
  get(key: string): Promise<GetObjectCommandOutput>;
  /** `checksums`: with them, which takes the right to use the key of KMS-encrypted objects. */
  head(key: string, checksums?: 'checksums'): Promise<HeadObjectCommandOutput>;
  put(input: Omit<PutObjectCommandInput, 'Bucket'>): Promise<PutObjectCommandOutput>;
  /** Onto itself, with the metadata of `input`. */
  copyInPlace(
    input: Omit<CopyObjectCommandInput, 'Bucket' | 'CopySource'> & { Key: string },
  ): Promise<CopyObjectCommandOutput>;
  remove(key: string, versionId: string | undefined): Promise<void>;
  tags(key: string): Promise<readonly Tag[]>;
  acl(key: string): Promise<GetObjectAclCommandOutput>;
  /** `Enabled`, `Suspended`; undefined where versions were never kept. */
  versioning(): Promise<string | undefined>;
  /** Who owns new objects, `BucketOwnerEnforced` if there are no ACLs. */
  ownership(): Promise<string | undefined>;
  close(): void;
}

export function openRequests({ sdk, reading, writing }: S3Clients, bucket: string): S3Requests {
  const Bucket = bucket;
  const list: S3Requests['list'] = async (Prefix, { after, token }, abortSignal) => {
    const place =
      token === null ? (after === null ? {} : { StartAfter: after }) : { ContinuationToken: token };
    // A key may hold characters that XML cannot.
    const input = { Bucket, Prefix, EncodingType: 'url', ...place } as const;
    const options = abortSignal === undefined ? {} : { abortSignal };
    try {
      return await told('s3:ListBucket', reading.send(new sdk.ListObjectsV2Command(input), options));
    } catch (error) {
      throw notOfOneObject(error);
    }
  };
  const head: S3Requests['head'] = async (Key, checksums) => {
    const mode = checksums === undefined ? {} : ({ ChecksumMode: 'ENABLED' } as const);
    try {
      const command = new sdk.HeadObjectCommand({ Bucket, Key, ...mode });
      return await told('s3:GetObject', reading.send(command));
    } catch (error) {
      // No code comes with a HEAD: whether the object was refused or we are (an expired token) another
      // request tells.
      if (error instanceof Fault && error.code === refusedObject)
        await list(Key, { after: null, token: null });
      throw error;
    }
  };
  return {
    list,
    get: (Key) => told('s3:GetObject', reading.send(new sdk.GetObjectCommand({ Bucket, Key }))),
    head,
    put: (input) => told('s3:PutObject', writing.send(new sdk.PutObjectCommand({ ...input, Bucket }))),
    copyInPlace: (input) =>
      told(
        's3:PutObject',
        writing.send(
          new sdk.CopyObjectCommand({ ...input, Bucket, CopySource: copySource(bucket, input.Key) }),
        ),
      ),
    remove: async (Key, VersionId) => {
      const version = VersionId === undefined ? {} : { VersionId };
      const right = VersionId === undefined ? 's3:DeleteObject' : 's3:DeleteObjectVersion';
      await told(right, reading.send(new sdk.DeleteObjectCommand({ Bucket, Key, ...version })));
    },
    tags: async (Key) => {
      const command = new sdk.GetObjectTaggingCommand({ Bucket, Key });
      return (await told('s3:GetObjectTagging', reading.send(command))).TagSet ?? [];
    },
    acl: (Key) => told('s3:GetObjectAcl', reading.send(new sdk.GetObjectAclCommand({ Bucket, Key }))),
    versioning: async () => {
      const command = new sdk.GetBucketVersioningCommand({ Bucket });
      return (await told('s3:GetBucketVersioning', reading.send(command))).Status;
    },
    ownership: async () => {
      const command = new sdk.GetBucketOwnershipControlsCommand({ Bucket });
      const { OwnershipControls } = await told('s3:GetBucketOwnershipControls', reading.send(command));
      return OwnershipControls?.Rules?.[0]?.ObjectOwnership;
    },
    close() {
      reading.destroy();
      writing.destroy();
    },
  };
}

async function told<Reply>(right: string, reply: Promise<Reply>): Promise<Reply> {
  try {
    return await reply;
  } catch (error) {
    throw toS3Fault(error, right);
  }
}

/**
 * The one header in which S3 wants a key percent-encoded; its current version, so that a condition meets
 * that.
 */
function copySource(bucket: string, key: string): string {
  return [bucket, ...key.split('/')].map(encodeURIComponent).join('/');
}
