import { randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import { afterAll, describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { replacementOf } from '../../src/rotation/record.ts';
import { openS3Store } from '../../src/stores/s3.ts';
import type { S3CiphertextPlace, S3StoreOptions } from '../../src/stores/s3/options.ts';
import { recordStoreContract, type RecordStoreFixture } from '../../src/testing/record-store-contract.ts';
import { awkwardKeys } from '../support/awkward-keys.ts';
import { named } from '../support/named-peer.ts';
import { openServerBucket, type ServerBucket } from '../support/s3-server.ts';

const body: S3CiphertextPlace = { kind: 'body' };
const metadata: S3CiphertextPlace = { kind: 'metadata', name: 'wrapped-key' };

const server = await openServerBucket(named('S3_ENDPOINT'));
const under = `keyturn-${randomUUID()}/`;
afterAll(async () => {
  await server.removeAll(under);
  server.close();
});

function options(more: Partial<S3StoreOptions> = {}): S3StoreOptions {
  const prefix = `${under}${randomUUID()}/`;
  const { region, bucket } = server;
  const place = { endpoint: server.endpoint, region, bucket, prefix, suffix: '', ciphertext: body };
  return { ...place, fields: [], readOnly: false, concurrency: 16, ...more };
}

const places = [
  { name: 'bodies', ciphertext: body, swaps: await swaps(body) },
  { name: 'metadata', ciphertext: metadata, swaps: await swaps(metadata) },
];

/** False where the server is refused for what it does to conditional writes. */
async function swaps(ciphertext: S3CiphertextPlace): Promise<boolean> {
  try {
    await (await openS3Store(options({ ciphertext }))).close();
    return true;
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'S3_NO_COMPARE_AND_SWAP') throw error;
    process.stderr.write(`${ciphertext.kind}: ${error.message}\n`);
    return false;
  }
}

describe.each(places)('$name of a real server', ({ name, ciphertext, swaps }) => {
  test('a server that is refused is left without a trace', async () => {
    const opened = options({ ciphertext, readOnly: true });
    const store = await openS3Store(opened);
    expect(await store.count()).toEqual({ records: 0, exact: true });
    await store.close();
    await expect(server.head(`${opened.prefix}.keyturn-check`)).rejects.toMatchObject({ name: 'NotFound' });
  });

  if (swaps) {
    recordStoreContract(name, () => fixture(ciphertext), {
      knowsNull: false,
      tenantField: 'metadata.tenant',
      makeValue: (label) => Buffer.from(Buffer.from(label).toString('base64')),
    });

    test('awkward keys are listed, read and replaced', async () => {
      const opened = options({ ciphertext, fields: ['key'] });
      const store = await openS3Store(opened);
      const keys = awkwardKeys.map((key) => `${opened.prefix}${key}`);
      for (const key of keys)
        await server.put(key, Buffer.from('b2xk'), { Metadata: { 'wrapped-key': 'b2xk' } });
      const refs: string[] = [];
      for await (const page of store.scan(null, 4, new AbortController().signal)) refs.push(...page.refs);
      expect(refs.toSorted()).toEqual(keys.toSorted());
      const records = await store.read(refs);
      expect(records).toHaveLength(keys.length);
      const outcomes = await store.replace(
        records.map((read) => replacementOf(read, Buffer.from('bmV3'), 'v2')),
      );
      expect(outcomes).toEqual(keys.map(() => 'replaced'));
      await store.close();
    });

    test('what belongs to an object survives', async () => {
      const opened = options({ ciphertext });
      const store = await openS3Store(opened);
      const key = `${opened.prefix}document`;
      await server.put(key, Buffer.from('b2xk'), {
        ContentType: 'application/json',
        CacheControl: 'max-age=60',
        ContentDisposition: 'attachment; filename="a b.json"',
        ContentEncoding: 'identity',
        ContentLanguage: 'de',
        Expires: new Date('2031-02-03T04:05:06Z'),
        Metadata: { 'wrapped-key': 'b2xk', other: 'stays, with "quotes" = and more' },
        Tagging: 'team=a+b&cost%20centre=1%2B1',
      });
      const before = await server.head(key);
      const [read] = await store.read([key]);
      if (read === undefined) throw new Error('not read');
      expect(await store.replace([replacementOf(read, Buffer.from('bmV3'), 'v2')])).toEqual(['replaced']);
      const after = await server.head(key);
      const changed = ciphertext.kind === 'body' ? {} : { 'wrapped-key': 'bmV3' };
      expect(settingsOf(after)).toEqual({
        ...settingsOf(before),
        Metadata: { ...before.Metadata, ...changed },
      });
      expect(await server.tags(key)).toEqual({ team: 'a b', 'cost centre': '1+1' });
      await store.close();
    });
  }
});

async function fixture(ciphertext: S3CiphertextPlace): Promise<RecordStoreFixture> {
  const opened = options({ ciphertext, fields: ['metadata.tenant'] });
  const store = await openS3Store(opened);
  const limit = pLimit(16);
  const tenants = new Map<string, string | null>();
  async function write(ref: string, value: Uint8Array | null): Promise<void> {
    const tenant = tenants.get(ref) ?? null;
    const fields = tenant === null ? {} : { tenant };
    if (ciphertext.kind === 'body') return server.put(ref, value ?? Buffer.alloc(0), { Metadata: fields });
    const wrapped = value === null ? {} : { 'wrapped-key': Buffer.from(value).toString() };
    return server.put(ref, Buffer.from('payload'), { Metadata: { ...fields, ...wrapped } });
  }
  return {
    store,
    write,
    async seed(records) {
      return limit.map(records, async ({ id, value, tenant }) => {
        const ref = `${opened.prefix}${id}`;
        tenants.set(ref, tenant);
        await write(ref, value);
        return ref;
      });
    },
    remove: (ref) => server.remove(ref),
    async readRaw(ref) {
      const found = await server.get(ref);
      if (found === null || ciphertext.kind === 'body') return found?.body ?? null;
      const text = found.head.Metadata?.['wrapped-key'];
      return text === undefined ? null : Buffer.from(text);
    },
    close: () => store.close(),
  };
}

const settings = [
  'ContentType',
  'CacheControl',
  'ContentDisposition',
  'ContentEncoding',
  'ContentLanguage',
  'ExpiresString',
  'Metadata',
] as const;

function settingsOf(head: Awaited<ReturnType<ServerBucket['head']>>) {
  return Object.fromEntries(settings.map((name) => [name, head[name]]));
}
