import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { openS3Store } from '../../src/stores/s3.ts';
import type { S3CiphertextPlace, S3StoreOptions } from '../../src/stores/s3/options.ts';
import type { RecordStoreFixture } from '../../src/testing/record-store-contract.ts';
import { startS3Double, type S3Double } from './s3-double.ts';

export const wrappedKey: S3CiphertextPlace = { kind: 'metadata', name: 'wrapped-key' };

export function s3Options(double: S3Double, more: Partial<S3StoreOptions> = {}): S3StoreOptions {
  process.env['AWS_ACCESS_KEY_ID'] ??= 'double';
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'double';
  return {
    endpoint: double.endpoint,
    region: 'us-east-1',
    bucket: double.bucket,
    prefix: '',
    suffix: '',
    ciphertext: { kind: 'body' },
    fields: [],
    readOnly: false,
    concurrency: 8,
    ...more,
  };
}

export interface S3Scene {
  readonly double: S3Double;
  readonly store: RecordStore;
  close(): Promise<void>;
}

/** `prepare` sees the double before the store opens it. */
export async function openScene(
  more: Partial<S3StoreOptions> = {},
  prepare: (double: S3Double) => void = () => undefined,
): Promise<S3Scene> {
  const double = await startS3Double();
  prepare(double);
  try {
    const store = await openS3Store(s3Options(double, more));
    double.requests.length = 0;
    return {
      double,
      store,
      async close() {
        await store.close();
        await double.close();
      },
    };
  } catch (error) {
    await double.close();
    throw error;
  }
}

/** The contract's records as objects `records/<id>`, the field `tenant` as metadata. */
export async function s3Fixture(ciphertext: S3CiphertextPlace): Promise<RecordStoreFixture> {
  const scene = await openScene({ prefix: 'records/', ciphertext, fields: ['metadata.tenant'] });
  const { objects } = scene.double;
  function write(key: string, value: Uint8Array | null, kept: Record<string, string>): void {
    if (ciphertext.kind === 'body') return scene.double.put(key, value ?? Buffer.alloc(0), kept);
    const { [`x-amz-meta-${ciphertext.name}`]: _, ...others } = kept;
    const field = value === null ? {} : { [`x-amz-meta-${ciphertext.name}`]: Buffer.from(value).toString() };
    scene.double.put(key, Buffer.from('payload'), { ...others, ...field });
  }
  return {
    store: scene.store,
    async seed(records) {
      return records.map(({ id, value, tenant }) => {
        write(`records/${id}`, value, tenant === null ? {} : { 'x-amz-meta-tenant': tenant });
        return `records/${id}`;
      });
    },
    async write(ref, value) {
      write(ref, value, { ...objects.get(ref)?.headers });
    },
    async remove(ref) {
      objects.delete(ref);
    },
    async readRaw(ref) {
      const object = objects.get(ref);
      if (ciphertext.kind === 'body') return object?.body ?? null;
      const text = object?.headers[`x-amz-meta-${ciphertext.name}`];
      return text === undefined ? null : Buffer.from(text);
    },
    close: scene.close,
  };
}
