import { randomUUID } from 'node:crypto';
import type { CopyObjectCommandInput, PutObjectCommandInput } from '@aws-sdk/client-s3';
import { asFault, Fault } from '../../rotation/faults.ts';
import type { S3CiphertextPlace } from './options.ts';
import type { S3Requests } from './requests.ts';
import { accessDenied, notSupported, objectChanged, objectGone } from './s3-fault.ts';
import { scratchPrefix, type S3Scope } from './scan.ts';

/** The ETag of nothing that this proof writes. */
const staleETag = '"00000000000000000000000000000000"';

interface Written {
  readonly ETag?: string | undefined;
  readonly VersionId?: string | undefined;
}

/**
 * Proves, on an object of its own beside the records, that the server keeps a write back whose condition
 * fails. One that ignores conditions would put back what an application has replaced meanwhile, or removed.
 * Leaves nothing behind. Throws a rotation `Fault` S3_NO_COMPARE_AND_SWAP.
 */
export async function proveSwap(
  requests: S3Requests,
  scope: S3Scope,
  ciphertext: S3CiphertextPlace,
): Promise<void> {
  const key = `${scratchPrefix(scope)}${randomUUID()}`;
  const versions = new Set<string | undefined>();
  const noting = async (written: Promise<Written>): Promise<Written> => {
    const reply = await written;
    versions.add(reply.VersionId);
    return reply;
  };
  try {
    if (ciphertext.kind === 'body') await provePut(requests, key, noting);
    else await proveCopy(requests, key, noting);
  } catch (error) {
    // The reply to a write may have been lost. What went wrong is the graver word, so a second fault is not
    // told.
    await clear(requests, key, versions.add(undefined)).catch(() => undefined);
    throw error;
  }
  await clear(requests, key, versions);
}

type Noting = (written: Promise<Written>) => Promise<Written>;

async function provePut(requests: S3Requests, key: string, noting: Noting): Promise<void> {
  const put = (Body: string, condition: Pick<PutObjectCommandInput, 'IfMatch'>) =>
    noting(requests.put({ Key: key, Body, ...condition }));
  await mustBeKeptBack(
    'PutObject with If-Match onto an object that is gone',
    put('0', { IfMatch: staleETag }),
  );
  const first = await put('1', {});
  const second = await mustBeMade('PutObject', put('2', { IfMatch: first.ETag }));
  await mustBeKeptBack('PutObject with a stale If-Match', put('3', { IfMatch: first.ETag }));
  const { ETag } = await requests.head(key);
  if (ETag !== second.ETag) throw noSwap('it changed an object though it refused to');
  await mustTellTags(requests, key);
}

async function proveCopy(requests: S3Requests, key: string, noting: Noting): Promise<void> {
  type Condition = Pick<CopyObjectCommandInput, 'IfMatch' | 'CopySourceIfUnmodifiedSince'>;
  const copy = (mark: string, condition: Condition) =>
    noting(
      requests.copyInPlace({ Key: key, Metadata: { mark }, MetadataDirective: 'REPLACE', ...condition }),
    );
  const { ETag } = await noting(requests.put({ Key: key, Body: '1' }));
  const { LastModified = new Date() } = await requests.head(key);
  const before = new Date(LastModified.getTime() - 3_600_000);
  await mustBeKeptBack('CopyObject with a stale If-Match', copy('0', { IfMatch: staleETag }));
  await mustBeKeptBack(
    'CopyObject with x-amz-copy-source-if-unmodified-since',
    copy('0', { IfMatch: ETag, CopySourceIfUnmodifiedSince: before }),
  );
  await mustBeMade('CopyObject', copy('1', { IfMatch: ETag, CopySourceIfUnmodifiedSince: LastModified }));
  const { Metadata } = await requests.head(key);
  if (Metadata?.['mark'] !== '1') throw noSwap('CopyObject onto itself does not replace the metadata');
}

async function mustBeKeptBack(what: string, write: Promise<unknown>): Promise<void> {
  try {
    await write;
  } catch (error) {
    const { code } = asFault(error);
    if (code === objectChanged || code === objectGone) return;
    if (code === notSupported) throw noSwap(`it does not know ${what}`);
    throw error;
  }
  throw noSwap(`it made a ${what}`);
}

async function mustBeMade(what: string, write: Promise<Written>): Promise<Written> {
  try {
    return await write;
  } catch (error) {
    const { code } = asFault(error);
    if (code === objectChanged || code === objectGone)
      throw noSwap(`it refused a ${what} with the right If-Match`);
    throw error;
  }
}

/**
 * S3 does not tell how many tags an object has to those who may not read them, so that they would be lost
 * unseen.
 */
async function mustTellTags(requests: S3Requests, key: string): Promise<void> {
  try {
    await requests.tags(key);
  } catch (error) {
    if (asFault(error).code !== notSupported) throw error;
  }
}

/** By version where there are any; where there are none or that is denied, as objects are removed. */
async function clear(
  requests: S3Requests,
  key: string,
  versions: ReadonlySet<string | undefined>,
): Promise<void> {
  try {
    for (const version of versions) if (version !== undefined) await requests.remove(key, version);
    if (!versions.has(undefined)) return;
  } catch (error) {
    if (asFault(error).code !== accessDenied) throw error;
  }
  await requests.remove(key, undefined);
}

function noSwap(why: string): Fault {
  return new Fault(
    'rotation',
    'S3_NO_COMPARE_AND_SWAP',
    `the S3 server cannot be written to safely: ${why}; it could undo what the application writes meanwhile. Use a server, or a newer release of it, that honours If-Match`,
    { peer: 'store' },
  );
}
