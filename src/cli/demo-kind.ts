import type { KeyturnConfig } from '../config/keyturn-config.ts';
import type { YandexKeyService } from '../kms/yandex/client.ts';
import { createFormat } from '../rotation/formats/create-format.ts';
import { envelopeKeyLength } from '../rotation/formats/envelope.ts';
import { writeSizedKey } from '../rotation/formats/sized-key.ts';
import { openPayload, sealPayload } from '../rotation/payload.ts';

/** What the made-up application stores for each customer, and how it is rotated. */
export interface DemoKind {
  readonly column: 'text' | 'bytea';
  readonly config: Pick<KeyturnConfig, 'format' | 'mode'>;
  readonly described: string;
  seal(kms: YandexKeyService, plaintext: Buffer, aad: Buffer): Promise<Buffer>;
  open(kms: YandexKeyService, value: Buffer, aad: Buffer): Promise<Buffer>;
  /** What the records look like now that all have been opened again. */
  readonly afterwards: string;
}

export const demoKey = 'demo';

/** Each value encrypted by the KMS itself. */
export const directKind: DemoKind = {
  column: 'text',
  config: { format: 'base64', mode: { kind: 'rewrap' } },
  described: 'records encrypted under version 1 of key demo',
  async seal(kms, plaintext, aad) {
    const { ciphertext } = await kms.encrypt({ keyId: demoKey, plaintext, aad });
    return Buffer.from(Buffer.from(ciphertext).toString('base64'));
  },
  async open(kms, value, aad) {
    const ciphertext = Buffer.from(value.toString(), 'base64');
    return Buffer.from((await kms.decrypt({ keyId: demoKey, ciphertext, aad })).plaintext);
  },
  afterwards: 'records decrypt to what was encrypted',
};

/**
 * Each value under an AES-128 data key of its own, which lies wrapped beside it; each gets an AES-256 key
 * instead.
 */
export const envelopeKind: DemoKind = {
  column: 'bytea',
  config: { format: 'envelope', mode: { kind: 'regenerate', dataKeySpec: 'AES_256' } },
  described: 'envelopes, each under an AES-128 data key wrapped by version 1 of key demo',
  async seal(kms, plaintext, aad) {
    const dataKey = await kms.generateDataKey({
      keyId: demoKey,
      aad,
      dataKeySpec: 'AES_128',
    });
    const { iv, payload } = sealPayload(plaintext, { dataKey: dataKey.plaintext, aad });
    return Buffer.concat([writeSizedKey(dataKey.ciphertext, envelopeKeyLength), iv, payload]);
  },
  async open(kms, value, aad) {
    const opened = createFormat('envelope').open(value);
    const [ciphertext] = opened.ciphertexts;
    if (ciphertext === undefined || opened.envelope === null) throw new TypeError('no envelope');
    const { plaintext: dataKey } = await kms.decrypt({ keyId: demoKey, ciphertext, aad });
    if (dataKey.length !== 32) throw new TypeError('no AES-256 data key');
    return openPayload(opened.envelope, { dataKey, aad });
  },
  afterwards: 'envelopes open under new AES-256 data keys to what was encrypted',
};
