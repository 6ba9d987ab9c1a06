import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import pLimit from 'p-limit';

/** A bucket of a real server, as an application uses it. */
export interface ServerBucket {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  put(key: string, body: Uint8Array, more?: Partial<PutObjectCommandInput>): Promise<void>;
  /** Null where there is no such object. */
  get(key: string): Promise<{ body: Buffer; head: Awaited<ReturnType<ServerBucket['head']>> } | null>;
  head(key: string): Promise<import('@aws-sdk/client-s3').HeadObjectCommandOutput>;
  tags(key: string): Promise<Record<string, string>>;
  remove(key: string): Promise<void>;
  removeAll(prefix: string): Promise<void>;
  close(): void;
}

/** The bucket named by S3_ENDPOINT and S3_BUCKET, made if absent; credentials as the AWS SDK takes them. */
export async function openServerBucket(endpoint: string): Promise<ServerBucket> {
  const region = process.env['AWS_REGION'] ?? 'us-east-1';
  const Bucket = process.env['S3_BUCKET'] ?? 'keyturn-interop';
  const client = new S3Client({ endpoint, region, forcePathStyle: true });
  await client.send(new CreateBucketCommand({ Bucket })).catch((error: unknown) => {
    if (!(error instanceof Error) || !/BucketAlready/.test(error.name)) throw error;
  });
  const head: ServerBucket['head'] = (Key) => client.send(new HeadObjectCommand({ Bucket, Key }));
  return {
    endpoint,
    region,
    bucket: Bucket,
    head,
    async put(Key, Body, more = {}) {
      await client.send(new PutObjectCommand({ ...more, Bucket, Key, Body }));
    },
    async get(Key) {
      try {
        const reply = await client.send(new GetObjectCommand({ Bucket, Key }));
        return { body: Buffer.from((await reply.Body?.transformToByteArray()) ?? []), head: reply };
      } catch (error) {
        if (error instanceof Error && error.name === 'NoSuchKey') return null;
        throw error;
      }
    },
    async tags(Key) {
      const { TagSet = [] } = await client.send(new GetObjectTaggingCommand({ Bucket, Key }));
      return Object.fromEntries(TagSet.map((tag) => [tag.Key ?? '', tag.Value ?? '']));
    },
    async remove(Key) {
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
    },
    async removeAll(Prefix) {
      const limit = pLimit(16);
      for (;;) {
        const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix }));
        if (Contents.length === 0) return;
        const remove = (Key: string | undefined) => client.send(new DeleteObjectCommand({ Bucket, Key }));
        await limit.map(Contents, ({ Key }) => remove(Key));
      }
    },
    close: () => client.destroy(),
  };
}
