import pLimit from 'p-limit';
import { asFault, Fault } from '../rotation/faults.ts';
import type { RecordStore } from '../rotation/ports/record-store.ts';
import type { Ref } from '../rotation/record.ts';
import { readCaveats } from './s3/caveats.ts';
import { connectS3 } from './s3/connect.ts';
import type { S3StoreOptions } from './s3/options.ts';
import { proveSwap } from './s3/prove-swap.ts';
import { readObject } from './s3/read.ts';
import { replaceObject } from './s3/replace.ts';
import { openRequests, type S3Requests } from './s3/requests.ts';
import { describeExcluded } from './s3/excluded.ts';
import { notOfOneObject } from './s3/s3-fault.ts';
import { sampleKeys } from './s3/sample.ts';
import { countKeys, listKeys, scanKeys } from './s3/scan.ts';
import { settleAll } from './s3/settle-all.ts';

/**
 * Opens the objects of a bucket as a store of records; a ref is an object's key as it is. Credentials come
 * from the SDK's default chain (environment, profile, role). Throws a usage `Fault` where an option or the
 * SDK is amiss, `rotation` where a right is missing or, unless `readOnly`, the server does not prove to
 * compare and swap.
 *
 * Rights: s3:ListBucket and s3:GetObject; s3:GetBucketVersioning for the certificate's caveats. To write also
 * s3:PutObject, s3:GetObjectTagging, s3:PutObjectTagging where objects have tags, s3:GetObjectAcl and
 * s3:PutObjectAcl where the bucket knows ACLs or s3:GetBucketOwnershipControls is missing, and
 * s3:DeleteObject on `<prefix>.keyturn-check-*`, where the proof is made.
 */
export async function openS3Store(options: S3StoreOptions): Promise<RecordStore> {
  if (options.bucket.endsWith('--x-s3')) {
    throw new Fault(
      'usage',
      'BAD_STORE_BUCKET',
      'store.bucket is a directory bucket, which lists its keys in no order: a scan of it cannot be resumed',
    );
  }
  const requests = openRequests(await connectS3(options), options.bucket);
  try {
    return await openBucket(options, requests);
  } catch (error) {
    requests.close();
    throw notOfOneObject(error);
  }
}

async function openBucket(options: S3StoreOptions, requests: S3Requests): Promise<RecordStore> {
  const { bucket, prefix, ciphertext, readOnly } = options;
  const limit = pLimit(options.concurrency);
  // Tells a missing bucket or right at once.
  await listKeys(requests, options);
  const caveats = await readCaveats(requests);
  if (!readOnly) await proveSwap(requests, options, ciphertext);
  const hasAcls = !readOnly && (await mayHaveAcls(requests));
  const place = { ciphertext, hasAcls, tellsTags: options.endpoint === null };
  const inWork = new Set<Ref>();

  const count = () => countKeys(requests, options);
  return {
    scan: (from, pageLimit, signal) => scanKeys(requests, options, from, pageLimit, signal),

    async read(refs) {
      const records = await settleAll(limit, [...new Set(refs)], (ref) => readObject(requests, options, ref));
      return records.filter((record) => record !== null);
    },

    async replace(changes) {
      if (readOnly) throw new Fault('usage', 'STORE_READ_ONLY', 'the S3 store was opened to read only');
      return settleAll(limit, changes, async (change) => {
        // Two copies within a second look alike to S3, so that a second one must not begin beside the first.
        if (inWork.has(change.ref)) return 'conflict';
        inWork.add(change.ref);
        try {
          return await replaceObject(requests, place, change);
        } finally {
          inWork.delete(change.ref);
        }
      });
    },

    count,
    sample: (size, signal) => sampleKeys({ requests, scope: options, signal }, size),
    async check() {
      const { records, exact } = await count();
      const under = prefix === '' ? '' : `, prefix ${prefix}`;
      return `s3 bucket ${bucket}${under}, ${exact ? '' : 'more than '}${records} objects`;
    },
    caveats,
    excluded: async () => describeExcluded(options),
    close: async () => requests.close(),
  };
}

/** True also where it cannot be told. */
async function mayHaveAcls(requests: S3Requests): Promise<boolean> {
  try {
    return (await requests.ownership()) !== 'BucketOwnerEnforced';
  } catch (error) {
    if (asFault(error).faultClass === 'transient') throw error;
    return true;
  }
}
