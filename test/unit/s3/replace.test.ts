import { afterEach, describe, expect, test } from 'vitest';
import { replacementOf, type ReplaceOutcome, type StoredRecord } from '../../../src/rotation/record.ts';
import type { S3CiphertextPlace, S3StoreOptions } from '../../../src/stores/s3/options.ts';
import { awkwardKeys, awkwardPaths } from '../../support/awkward-keys.ts';
import type { LoggedRequest } from '../../support/s3-double.ts';
import { openScene, wrappedKey, type S3Scene } from '../../support/s3-fixture.ts';

let scene: S3Scene;
afterEach(() => scene.close());

const places: readonly S3CiphertextPlace[] = [{ kind: 'body' }, wrappedKey];
const field = 'x-amz-meta-wrapped-key';

function put(key: string, value: string, headers: Record<string, string> = {}, tags = ''): void {
  scene.double.put(key, Buffer.from(value), { ...headers, [field]: value }, tags);
}
async function openWith(ciphertext: S3CiphertextPlace, more: Partial<S3StoreOptions> = {}): Promise<void> {
  scene = await openScene({ ciphertext, ...more });
}
async function readAll(keys: readonly string[]): Promise<StoredRecord[]> {
  return scene.store.read(keys);
}
function replaceAll(records: readonly StoredRecord[], value = 'bmV3'): Promise<ReplaceOutcome[]> {
  return scene.store.replace(records.map((read) => replacementOf(read, Buffer.from(value), 'v2')));
}
function valueOf(key: string, { kind }: S3CiphertextPlace): string | undefined {
  const object = scene.double.objects.get(key);
  return kind === 'body' ? object?.body.toString() : object?.headers[field];
}
const isWrite = ({ method }: LoggedRequest) => method === 'PUT';

describe.each(places)('$kind', (place) => {
  test('awkward keys are read and replaced', async () => {
    await openWith(place);
    const keys = [...awkwardKeys, ...awkwardPaths];
    for (const key of keys) put(key, 'b2xk');
    const records = await readAll(keys);
    expect(records.map(({ ref }) => ref)).toEqual(keys);
    expect(await replaceAll(records)).toEqual(keys.map(() => 'replaced'));
    for (const key of keys) expect(valueOf(key, place)).toBe('bmV3');
  });

  test('all that belongs to an object survives', async () => {
    await openWith(place);
    const headers = {
      'content-type': 'application/json',
      'content-encoding': 'identity',
      'content-disposition': 'attachment; filename="a.json"',
      'content-language': 'de',
      'cache-control': 'max-age=60',
      expires: 'Mon, 03 Feb 2031 04:05:06 GMT',
      'x-amz-meta-other': 'stays',
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-website-redirect-location': '/elsewhere',
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu-central-1:1:key/1',
      'x-amz-server-side-encryption-bucket-key-enabled': 'true',
      'x-amz-object-lock-mode': 'GOVERNANCE',
      'x-amz-object-lock-retain-until-date': '2999-01-01T00:00:00Z',
      'x-amz-object-lock-legal-hold': 'ON',
    };
    put('a', 'b2xk', headers, 'team=a+b&cost%20centre=1%2B1');
    expect(await replaceAll(await readAll(['a']))).toEqual(['replaced']);
    const after = scene.double.objects.get('a');
    expect(after?.headers).toMatchObject({ ...headers, [field]: place.kind === 'body' ? 'b2xk' : 'bmV3' });
    expect([...new URLSearchParams(after?.tags)]).toEqual([
      ['team', 'a b'],
      ['cost centre', '1+1'],
    ]);
  });

  test('a lock that has ended is not asked for again, since S3 would refuse it', async () => {
    await openWith(place);
    const lock = {
      'x-amz-object-lock-mode': 'GOVERNANCE',
      'x-amz-object-lock-retain-until-date': '2001-01-01T00:00:00Z',
    };
    put('a', 'b2xk', lock);
    expect(await replaceAll(await readAll(['a']))).toEqual(['replaced']);
    expect(scene.double.requests.at(-1)?.headers).not.toHaveProperty('x-amz-object-lock-mode');
  });

  test.each(['ObjectWriter', null])('an ACL is kept where the bucket knows them (%s)', async (ownership) => {
    scene = await openScene({ ciphertext: place }, (double) => Object.assign(double, { ownership }));
    scene.double.publicRead = true;
    put('a', 'b2xk');
    expect(await replaceAll(await readAll(['a']))).toEqual(['replaced']);
    expect(scene.double.requests.at(-1)?.headers).toMatchObject({
      'x-amz-grant-full-control': 'id="owner"',
      'x-amz-grant-read': 'uri="http://acs.amazonaws.com/groups/global/AllUsers"',
    });
  });

  test('an ACL that may not be read is not lost unseen', async () => {
    scene = await openScene({ ciphertext: place }, (double) => Object.assign(double, { ownership: null }));
    put('a', 'b2xk');
    const records = await readAll(['a']);
    scene.double.interfere = ({ query }) =>
      query.has('acl') ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : undefined;
    await expect(replaceAll(records)).rejects.toThrow(/s3:GetObjectAcl/);
    scene.double.interfere = ({ query }) =>
      query.has('acl') ? { kind: 'refuse', status: 501, code: 'NotImplemented' } : undefined;
    expect(await replaceAll(records)).toEqual(['replaced']);
  });

  test('tags that a server does not count are kept', async () => {
    await openWith(place);
    scene.double.countsTags = false;
    put('a', 'b2xk', {}, 'team=a');
    expect(await replaceAll(await readAll(['a']))).toEqual(['replaced']);
    expect(scene.double.objects.get('a')?.tags).toBe('team=a');
  });

  test('a bucket without ACLs is not asked for them', async () => {
    await openWith(place);
    put('a', 'b2xk');
    await replaceAll(await readAll(['a']));
    expect(scene.double.requests.some(({ query }) => query.has('acl'))).toBe(false);
  });

  test('the kind of checksum stays, one that nobody asked for is not made', async () => {
    await openWith(place);
    put('a', 'b2xk', { 'x-amz-checksum-sha256': 'unused' });
    put('b', 'b2xk');
    expect(await replaceAll(await readAll(['a', 'b']))).toEqual(['replaced', 'replaced']);
    const writes = scene.double.requests
      .filter(isWrite)
      .toSorted((left, right) => (left.key < right.key ? -1 : 1));
    const name = place.kind === 'body' ? 'x-amz-sdk-checksum-algorithm' : 'x-amz-checksum-algorithm';
    expect(writes.map(({ headers }) => headers[name])).toEqual(['SHA256', undefined]);
  });

  test('a change of nothing but metadata since the read is a conflict', async () => {
    await openWith(place);
    put('a', 'b2xk');
    const records = await readAll(['a']);
    scene.double.nowMs = () => Date.now() + 2000;
    put('a', 'b2xk', { 'x-amz-meta-other': 'newer' });
    expect(await replaceAll(records)).toEqual(['conflict']);
    expect(scene.double.objects.get('a')?.headers).toMatchObject({ 'x-amz-meta-other': 'newer' });
  });

  test('a new value that comes between the last look and the write is kept', async () => {
    await openWith(place);
    put('a', 'b2xk');
    const records = await readAll(['a']);
    scene.double.interfere = (request) => {
      if (isWrite(request)) put('a', 'bmV3ZXI=');
      return undefined;
    };
    expect(await replaceAll(records)).toEqual(['conflict']);
    expect(valueOf('a', place)).toBe('bmV3ZXI=');
  });

  test('an object removed between the last look and the write is not brought back', async () => {
    await openWith(place);
    put('a', 'b2xk');
    const records = await readAll(['a']);
    scene.double.interfere = (request) => void (isWrite(request) && scene.double.objects.delete('a'));
    expect(await replaceAll(records)).toEqual(['conflict']);
    expect(scene.double.objects.has('a')).toBe(false);
  });

  test('no record is ever written without a condition', async () => {
    await openWith(place);
    const keys = ['a', 'b', 'c'];
    for (const key of keys) put(key, 'b2xk');
    await replaceAll(await readAll(keys));
    const writes = scene.double.requests.filter(isWrite);
    expect(writes).toHaveLength(3);
    for (const { headers } of writes) {
      expect(headers['if-match']).toMatch(/^"[0-9a-f]{32}"$/);
      if (place.kind === 'metadata') {
        expect(headers).toHaveProperty('x-amz-copy-source-if-unmodified-since');
        expect(headers).not.toHaveProperty('x-amz-copy-source-if-match');
      }
    }
  });

  test('another conditional write at the same moment is a conflict of that object alone', async () => {
    await openWith(place);
    for (const key of ['a', 'b']) put(key, 'b2xk');
    const records = await readAll(['a', 'b']);
    scene.double.interfere = (request) =>
      isWrite(request) && request.key === 'a'
        ? { kind: 'refuse', status: 409, code: 'ConditionalRequestConflict' }
        : undefined;
    expect(await replaceAll(records)).toEqual(['conflict', 'replaced']);
  });

  test('asked to slow down, it begins no more and says how long to wait', async () => {
    await openWith(place, { concurrency: 1 });
    const keys = ['a', 'b', 'c'];
    for (const key of keys) put(key, 'b2xk');
    const records = await readAll(keys);
    scene.double.interfere = (request) =>
      isWrite(request) ? { kind: 'refuse', status: 503, code: 'SlowDown', retryAfter: '7' } : undefined;
    await expect(replaceAll(records)).rejects.toMatchObject({
      faultClass: 'transient',
      code: 'STORE_BUSY',
      retryAfterMs: 7000,
    });
    expect(scene.double.requests.filter(isWrite)).toHaveLength(1);
  });

  test('a write whose reply was lost is not made twice, and is recognised when it is read again', async () => {
    await openWith(place);
    put('a', 'b2xk');
    const records = await readAll(['a']);
    scene.double.interfere = (request) => (isWrite(request) ? { kind: 'cutAfter' } : undefined);
    await expect(replaceAll(records)).rejects.toMatchObject({ faultClass: 'transient' });
    expect(scene.double.requests.filter(isWrite)).toHaveLength(1);
    const [again] = await readAll(['a']);
    expect(Buffer.from(again?.value ?? []).toString()).toBe('bmV3');
  });

  test('a server that does not answer a write is given up', async () => {
    await openWith(place, { timeoutMs: 300 });
    put('a', 'b2xk');
    const records = await readAll(['a']);
    scene.double.interfere = (request) => (isWrite(request) ? { kind: 'hang' } : undefined);
    await expect(replaceAll(records)).rejects.toMatchObject({
      faultClass: 'transient',
      code: 'STORE_UNAVAILABLE',
    });
  });

  test('what one object is refused for does not stop the others', async () => {
    await openWith(place);
    put('a', 'b2xk');
    put('b', 'b2xk', { 'cache-control': 'f\u00fcr immer' });
    put('c', 'b2xk', { expires: '-1' });
    put('d', 'b2xk');
    const records = await readAll(['a', 'b', 'c', 'd']);
    scene.double.interfere = (request) =>
      isWrite(request) && request.key === 'd'
        ? { kind: 'refuse', status: 400, code: 'MetadataTooLarge' }
        : undefined;
    expect(await replaceAll(records)).toEqual([
      'replaced',
      expect.objectContaining({ faultClass: 'record', code: 'S3_UNKEPT_HEADERS' }),
      expect.objectContaining({ faultClass: 'record', code: 'S3_UNKEPT_HEADERS' }),
      expect.objectContaining({ faultClass: 'record', code: 'VALUE_REFUSED' }),
    ]);
  });
});

test('a body of several MiB is read and replaced whole', async () => {
  await openWith({ kind: 'body' });
  scene.double.put('a', Buffer.alloc(3_000_000, 'x'));
  const records = await readAll(['a']);
  const newValue = Buffer.alloc(3_500_000, 'y');
  expect(await scene.store.replace(records.map((read) => replacementOf(read, newValue, 'v2')))).toEqual([
    'replaced',
  ]);
  expect(scene.double.objects.get('a')?.body.equals(newValue)).toBe(true);
});

describe('metadata', () => {
  test('a header changed between the last look and the copy is kept', async () => {
    await openWith(wrappedKey);
    put('a', 'b2xk');
    const records = await readAll(['a']);
    scene.double.interfere = (request) => {
      if (!request.isCopy) return undefined;
      scene.double.nowMs = () => Date.now() + 2000;
      scene.double.put('a', Buffer.from('b2xk'), { [field]: 'bmV3ZXI=' });
      return undefined;
    };
    expect(await replaceAll(records)).toEqual(['conflict']);
    expect(valueOf('a', wrappedKey)).toBe('bmV3ZXI=');
  });

  test('another wrapped key of the same second is a conflict', async () => {
    await openWith(wrappedKey);
    scene.double.nowMs = () => 1_700_000_000_000;
    scene.double.put('a', Buffer.from('payload'), { [field]: 'b2xk' });
    const records = await readAll(['a']);
    scene.double.put('a', Buffer.from('payload'), { [field]: 'bmV3ZXI=' });
    expect(await replaceAll(records)).toEqual(['conflict']);
  });

  test.each([
    ['archived', { 'x-amz-storage-class': 'GLACIER' }, 'S3_OBJECT_ARCHIVED'],
    ['archived by its tier', { 'x-amz-archive-status': 'ARCHIVE_ACCESS' }, 'S3_OBJECT_ARCHIVED'],
    ['larger than 5 GiB', { 'content-length': String(5 * 1024 ** 3 + 1) }, 'S3_OBJECT_TOO_LARGE'],
    ['partly untold', { 'x-amz-missing-meta': '1' }, 'S3_UNKEPT_HEADERS'],
  ])('an object that is %s is left as it is, with the reason', async (_, headers, code) => {
    await openWith(wrappedKey);
    put('a', 'b2xk', headers);
    expect(await replaceAll(await readAll(['a']))).toEqual([
      expect.objectContaining({ faultClass: 'record', code }),
    ]);
    expect(scene.double.requests.filter(isWrite)).toEqual([]);
  });

  test('an object that is restored from an archive can be replaced', async () => {
    await openWith(wrappedKey);
    put('a', 'b2xk', {
      'x-amz-archive-status': 'ARCHIVE_ACCESS',
      'x-amz-restore': 'ongoing-request="false"',
    });
    expect(await replaceAll(await readAll(['a']))).toEqual(['replaced']);
  });

  test.each(['', ' padded ', 'line\nbreak', 'gr\u00fcn'])(
    'a value that no header holds is refused: %j',
    async (value) => {
      await openWith(wrappedKey);
      put('a', 'b2xk');
      expect(await replaceAll(await readAll(['a']), value)).toEqual([
        expect.objectContaining({ faultClass: 'record', code: 'VALUE_REFUSED' }),
      ]);
      expect(valueOf('a', wrappedKey)).toBe('b2xk');
    },
  );
});
