import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { KeyturnConfig } from '../config/keyturn-config.ts';
import type { YandexKeyService } from '../kms/yandex/client.ts';
import { createFormat } from '../rotation/formats/create-format.ts';

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
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-128-gcm', dataKey.plaintext, iv).setAAD(aad);
    const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(dataKey.ciphertext.length);
    return Buffer.concat([length, dataKey.ciphertext, iv, sealed]);
  },
  async open(kms, value, aad) {
    const opened = createFormat('envelope').open(value);
    const [ciphertext] = opened.ciphertexts;
    if (ciphertext === undefined || opened.envelope === null) throw new TypeError('no envelope');
    const { iv, payload } = opened.envelope;
    const { plaintext: dataKey } = await kms.decrypt({ keyId: demoKey, ciphertext, aad });
    const decipher = createDecipheriv('aes-256-gcm', dataKey, iv)
      .setAAD(aad)
      .setAuthTag(payload.subarray(-16));
    return Buffer.concat([decipher.update(payload.subarray(0, -16)), decipher.final()]);
  },
  afterwards: 'envelopes open under new AES-256 data keys to what was encrypted',
};
