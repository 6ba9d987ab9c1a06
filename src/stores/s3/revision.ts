import { Fault } from '../../rotation/faults.ts';

interface State {
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
  readonly VersionId?: string | undefined;
}

/**
 * The state of an object in one string. The ETag stands for the content alone: who changes only the metadata
 * is told by the time, in whole seconds, or by the version where the bucket keeps them.
 */
export function revisionOf({ ETag, LastModified, VersionId }: State): string {
  if (ETag === undefined || LastModified === undefined) {
    throw new Fault(
      'rotation',
      'S3_NO_COMPARE_AND_SWAP',
      'the server gives no ETag or no Last-Modified: nothing can be replaced safely',
      { peer: 'store' },
    );
  }
  return JSON.stringify([ETag, LastModified.getTime(), VersionId ?? null]);
}
