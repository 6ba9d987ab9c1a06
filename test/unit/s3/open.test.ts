import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { openS3Store } from '../../../src/stores/s3.ts';
import type { S3StoreOptions } from '../../../src/stores/s3/options.ts';
import { startS3Double, type S3Double } from '../../support/s3-double.ts';
import { loopbackCertificate, startRecordingServer } from '../../support/recording-server.ts';
import { s3Options, wrappedKey } from '../../support/s3-fixture.ts';

let double: S3Double;
beforeEach(async () => {
  double = await startS3Double();
});
afterEach(() => double.close());

async function open(more: Partial<S3StoreOptions> = {}) {
  const store = await openS3Store(s3Options(double, more));
  await store.close();
  return store;
}

describe('what cannot work is refused before anything is begun', () => {
  test.each([
    ['a directory bucket', { bucket: 'logs--use1-az4--x-s3' }, 'BAD_STORE_BUCKET'],
    ['an endpoint without a scheme', { endpoint: 'localhost:9000' }, 'BAD_STORE_URL'],
    ['an endpoint with a query', { endpoint: 'http://127.0.0.1/?a=b' }, 'BAD_STORE_URL'],
    ['a certificate file that is none', { caPem: 'no certificate' }, 'BAD_CA'],
  ])('%s', async (_, more, code) => {
    await expect(open(more)).rejects.toMatchObject({ faultClass: 'usage', code });
  });

  test('a password in the endpoint is not told on', async () => {
    const opened = open({ endpoint: 'http://user:hunter2@127.0.0.1:1' });
    await expect(opened).rejects.toMatchObject({ code: 'BAD_STORE_URL' });
    await expect(opened).rejects.not.toThrow(/hunter2/);
  });

  test('without the SDK, it is named with the command that installs it', async () => {
    vi.doMock('@aws-sdk/client-s3', () => {
      throw new Error("Cannot find package '@aws-sdk/client-s3'");
    });
    try {
      await expect(open()).rejects.toMatchObject({
        faultClass: 'usage',
        code: 'MISSING_PACKAGE',
        message: expect.stringContaining('npm install @aws-sdk/client-s3'),
      });
    } finally {
      vi.doUnmock('@aws-sdk/client-s3');
    }
  });

  test('a bucket that is not there', async () => {
    await expect(open({ bucket: 'other' })).rejects.toMatchObject({
      faultClass: 'rotation',
      code: 'STORE_NO_BUCKET',
      peer: 'store',
    });
  });

  test.each([
    ['GET', /s3:ListBucket/],
    ['PUT', /s3:PutObject/],
    ['DELETE', /s3:DeleteObject/],
  ])('a right that is missing for %s is named', async (method, message) => {
    double.interfere = (request) =>
      request.method === method ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : undefined;
    const opened = open();
    await expect(opened).rejects.toMatchObject({ faultClass: 'rotation', code: 'STORE_DENIED' });
    await expect(opened).rejects.toThrow(message);
  });

  test('tags that may not be read would be lost unseen', async () => {
    double.interfere = ({ query }) =>
      query.has('tagging') ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : undefined;
    await expect(open()).rejects.toThrow(/s3:GetObjectTagging/);
  });
});

test('a server under an authority of its own is trusted by its certificate alone', async () => {
  const server = await startRecordingServer((response) => response.writeHead(404).end(), {});
  try {
    const trusting = open({ endpoint: server.url, caPem: loopbackCertificate });
    await expect(trusting).rejects.toMatchObject({ code: 'STORE_REFUSED' });
    const strange = open({ endpoint: server.url });
    await expect(strange).rejects.toMatchObject({ faultClass: 'rotation', code: 'STORE_DENIED' });
    await expect(strange).rejects.toThrow(/caFile/);
  } finally {
    await server.close();
  }
});

test('a server that is not there is waited for', async () => {
  await expect(open({ endpoint: 'http://127.0.0.1:1' })).rejects.toMatchObject({
    faultClass: 'transient',
    code: 'STORE_UNAVAILABLE',
  });
});

test.each([
  ['a page of a proxy', 200, '<html>log in</html>'],
  ['no XML', 200, 'rubbish'],
  ['an error that is no XML', 400, '{"error":"canary"}'],
])('what is no S3 server is told from one: %s', async (_, status, body) => {
  const server = await startRecordingServer((response) => response.writeHead(status).end(body));
  try {
    const opened = open({ endpoint: server.url });
    await expect(opened).rejects.toMatchObject({ peer: 'store' });
    await expect(opened).rejects.not.toThrow(/canary/);
  } finally {
    await server.close();
  }
});

describe('the proof of compare-and-swap', () => {
  test.each([
    ['body', 'if-match', /PutObject with a stale If-Match/],
    ['body', 'if-match-on-missing', /onto an object that is gone/],
    ['metadata', 'copy-if-match', /CopyObject with a stale If-Match/],
    ['metadata', 'unmodified-since', /if-unmodified-since/],
  ] as const)('a server that ignores %s %s is refused', async (kind, ignored, message) => {
    double.ignored.add(ignored);
    const opened = open({ ciphertext: kind === 'body' ? { kind } : wrappedKey });
    await expect(opened).rejects.toMatchObject({ faultClass: 'rotation', code: 'S3_NO_COMPARE_AND_SWAP' });
    await expect(opened).rejects.toThrow(message);
    expect([...double.objects.keys()]).toEqual([]);
  });

  test('leaves nothing behind, and writes beside the records only', async () => {
    double.put('records/a', Buffer.from('a'));
    await open({ prefix: 'records/' });
    await open({ prefix: 'records/', ciphertext: wrappedKey });
    expect([...double.objects.keys()]).toEqual(['records/a']);
    const written = double.requests.filter(({ method }) => method === 'PUT' || method === 'DELETE');
    expect(written.length).toBeGreaterThan(0);
    for (const { key } of written) expect(key).toMatch(/^records\/\.keyturn-check-/);
  });

  test('in a versioned bucket removes each version that it made', async () => {
    double.versioning = 'Enabled';
    await open();
    const removed = double.requests.filter(({ method }) => method === 'DELETE');
    expect(removed).toHaveLength(2);
    for (const { query } of removed) expect(query.get('versionId')).toMatch(/-/);
  });

  test.each([wrappedKey, { kind: 'body' as const }])(
    'cleans up after a lost reply, $kind',
    async (ciphertext) => {
      double.interfere = ({ method, headers }) =>
        method === 'PUT' && headers['if-match'] === undefined ? { kind: 'cutAfter' } : undefined;
      await expect(open({ ciphertext })).rejects.toMatchObject({ faultClass: 'transient' });
      expect(double.objects.size).toBe(0);
    },
  );

  test('why it failed is told, and not that its object could not be removed either', async () => {
    double.ignored.add('if-match');
    double.interfere = ({ method }) =>
      method === 'DELETE' ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : undefined;
    await expect(open()).rejects.toMatchObject({ code: 'S3_NO_COMPARE_AND_SWAP' });
  });

  test('a store that only reads writes nothing', async () => {
    const store = await open({ readOnly: true });
    expect(double.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
    await expect(store.replace([])).rejects.toMatchObject({ faultClass: 'usage', code: 'STORE_READ_ONLY' });
  });
});

describe('caveats', () => {
  test('none where the bucket keeps no versions', async () => {
    expect((await open()).caveats).toEqual([]);
  });

  test.each(['Enabled', 'Suspended'] as const)('versioning %s leaves older versions', async (versioning) => {
    double.versioning = versioning;
    expect((await open()).caveats).toEqual([expect.stringContaining('older ones stay under the old key')]);
  });

  test('says so where it may not ask', async () => {
    double.interfere = ({ query }) =>
      query.has('versioning') ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : undefined;
    expect((await open()).caveats).toEqual([expect.stringContaining('could not be told')]);
  });
});
