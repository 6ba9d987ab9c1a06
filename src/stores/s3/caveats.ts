import { asFault } from '../../rotation/faults.ts';
import type { S3Requests } from './requests.ts';

/** What a census of the bucket cannot see. */
export async function readCaveats(requests: S3Requests): Promise<readonly string[]> {
  try {
    const status = await requests.versioning();
    if (status === undefined) return [];
    return [
      'the bucket keeps older versions of its objects: only the current ones were read, and older ones stay under the old key until they are deleted',
    ];
  } catch (error) {
    if (asFault(error).faultClass === 'transient') throw error;
    return [
      'whether the bucket keeps older versions of its objects could not be told (right s3:GetBucketVersioning): if it does, older ones stay under the old key',
    ];
  }
}
