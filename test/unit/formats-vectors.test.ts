import { Buffer } from 'node:buffer';
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { formatSchema } from '../../src/config/format-schema.ts';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import type { Opened } from '../../src/rotation/formats/format.ts';
import { badFormatOf, theCiphertext, utf8 } from '../support/bytes.ts';

const hex = z.string().transform((digits) => Buffer.from(digits, 'hex'));
const named = z.looseObject({ name: z.string(), value: hex });

/** The vectors of a file in test/vectors/formats, as `shape` has them. */
function readVectors<T>(file: string, shape: z.ZodType<T>): T {
  const text = readFileSync(new URL(`../vectors/formats/${file}`, import.meta.url), 'utf8');
  return shape.parse(JSON.parse(text));
}

/** IV of 12 bytes, ciphertext, tag of 16. */
function openGcm(key: Buffer, sealed: Uint8Array, aad: Uint8Array): Buffer {
  const decipher = createDecipheriv(
    key.length === 16 ? 'aes-128-gcm' : 'aes-256-gcm',
    key,
    sealed.subarray(0, 12),
  );
  decipher.setAAD(aad).setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]);
}

function sealGcm(key: Buffer, plaintext: Uint8Array, aad: Uint8Array): Buffer {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(aad);
  return Buffer.concat([iv, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Without the one that is padded to be long: it takes seconds to cut everywhere, and only Tink's reader
 * strips it.
 */
function short<T extends { readonly name: string }>(vectors: readonly T[]): T[] {
  return vectors.filter(({ name }) => name !== 'longest wrapped key');
}

describe("what Tink's KmsEnvelopeAead wrote", () => {
  const vectors = readVectors(
    'tink.json',
    z.object({
      kek: hex,
      aad: hex,
      mustPass: z.array(named.extend({ dek: z.string(), wrappedKey: hex, plaintext: hex })),
      mustFail: z.array(named),
    }),
  );
  const tink = createFormat('tink');
  const noAad = new Uint8Array();

  test.each(vectors.mustPass)('$name, $dek: opens, with an AAD of its own, and comes back', (vector) => {
    const opened = tink.open(vector.value);
    expect(theCiphertext(opened)).toEqual(vector.wrappedKey);
    expect(opened).toMatchObject({ aad: 'none', envelope: null });
    expect(opened.seal(opened.ciphertexts)).toEqual(vector.value);
  });

  const ofGcm = short(vectors.mustPass).filter(({ dek }) => dek.endsWith('GCM'));

  test.each(ofGcm)('$name, $dek: the plaintext is there after a new key wraps the data key', (vector) => {
    const newKek = randomBytes(32);
    const opened = tink.open(vector.value);
    const key = openGcm(vectors.kek, theCiphertext(opened), noAad);
    const sealed = tink.open(opened.seal([sealGcm(newKek, key, noAad)]));

    // A serialized AesGcmKey: its key is field 3, the last bytes of all.
    const dataKey = openGcm(newKek, theCiphertext(sealed), noAad).subarray(
      vector.dek === 'AES128_GCM' ? -16 : -32,
    );
    const value = Buffer.from(sealed.seal(sealed.ciphertexts));
    const payload = value.subarray(value.indexOf(theCiphertext(sealed)) + theCiphertext(sealed).length);
    expect(openGcm(dataKey, payload, vectors.aad)).toEqual(vector.plaintext);
  });

  test.each(vectors.mustFail)('$name: what Tink refuses is BAD_FORMAT', ({ value }) => {
    badFormatOf(() => tink.open(value));
  });

  test.each(short(vectors.mustPass))(
    '$name, $dek: no beginning of it, but with part of the payload, opens',
    ({ value, wrappedKey }) => {
      const payload = value.indexOf(wrappedKey) + wrappedKey.length;
      for (let length = 0; length <= payload; length++)
        badFormatOf(() => tink.open(value.subarray(0, length)));
      // Only Tink can tell that the rest of the payload is missing, by its tag.
      expect(theCiphertext(tink.open(value.subarray(0, payload + 1)))).toEqual(wrappedKey);
    },
  );

  test('a longer key than Tink reads does not get in', () => {
    const [vector] = vectors.mustPass;
    const opened = tink.open(vector?.value ?? Buffer.alloc(0));
    expect(tink.open(opened.seal([Buffer.alloc(4096, 1)])).ciphertexts).toEqual([Buffer.alloc(4096, 1)]);
    expect(badFormatOf(() => opened.seal([Buffer.alloc(4097, 1)]))).toContain('4097 bytes');
    badFormatOf(() => opened.seal([Buffer.alloc(0)]));
  });
});

describe('envelopes', () => {
  const vectors = readVectors(
    'envelope.json',
    z.object({
      kek: hex,
      aad: hex,
      mustPass: z.array(named.extend({ wrappedKey: hex, dataKey: hex, iv: hex, plaintext: hex })),
      mustFail: z.array(named),
    }),
  );
  const envelope = createFormat('envelope');
  const plaintextOf = ({ envelope }: Opened, dataKey: Buffer): Buffer =>
    openGcm(
      dataKey,
      Buffer.concat([envelope?.iv ?? [], envelope?.payload ?? []].map(Buffer.from)),
      vectors.aad,
    );

  test.each(vectors.mustPass)('$name: opens, and its payload under the data key', (vector) => {
    const opened = envelope.open(vector.value);
    expect(theCiphertext(opened)).toEqual(vector.wrappedKey);
    expect(opened.aad).toBe('template');
    expect(opened.seal(opened.ciphertexts)).toEqual(vector.value);
    expect(opened.envelope?.iv).toEqual(vector.iv);
    expect(plaintextOf(opened, vector.dataKey)).toEqual(vector.plaintext);
  });

  test.each(vectors.mustPass)('$name: another wrapped key leaves the payload as it is', (vector) => {
    const sealed = envelope.open(envelope.open(vector.value).seal([Buffer.from('another')]));
    expect(plaintextOf(sealed, vector.dataKey)).toEqual(vector.plaintext);
  });

  test('another data key comes with its own payload', () => {
    const [vector] = vectors.mustPass;
    const dataKey = randomBytes(32);
    const sealed = sealGcm(dataKey, utf8('mended'), vectors.aad);
    const opened = envelope.open(vector?.value ?? Buffer.alloc(0));
    const value = opened.envelope?.sealWith(utf8('key'), sealed.subarray(0, 12), sealed.subarray(12));
    const reopened = envelope.open(value ?? Buffer.alloc(0));
    expect(theCiphertext(reopened).toString()).toBe('key');
    expect(plaintextOf(reopened, dataKey).toString()).toBe('mended');
  });

  test('the wrapped key of the first opens under its KEK', () => {
    const [vector] = vectors.mustPass;
    expect(openGcm(vectors.kek, vector?.wrappedKey ?? Buffer.alloc(0), vectors.aad)).toEqual(vector?.dataKey);
  });

  test.each(vectors.mustFail)('$name is BAD_FORMAT', ({ value }) => {
    badFormatOf(() => envelope.open(value));
  });

  test.each(short(vectors.mustPass))(
    '$name: no beginning too short for IV and tag opens',
    ({ value, wrappedKey }) => {
      const shortest = 4 + wrappedKey.length + 28;
      for (let length = 0; length < shortest; length++)
        badFormatOf(() => envelope.open(value.subarray(0, length)));
      expect(theCiphertext(envelope.open(value.subarray(0, shortest)))).toEqual(wrappedKey);
    },
  );

  test.each([
    ['a key that is too long', Buffer.alloc(6145), 12, 16],
    ['no key', Buffer.alloc(0), 12, 16],
    ['an IV of another length', Buffer.from('key'), 16, 16],
    ['a payload without a whole tag', Buffer.from('key'), 12, 15],
  ])('%s does not get in', (_name, key, ivLength, payloadLength) => {
    const [vector] = vectors.mustPass;
    const opened = envelope.open(vector?.value ?? Buffer.alloc(0));
    badFormatOf(() => opened.envelope?.sealWith(key, Buffer.alloc(ivLength), Buffer.alloc(payloadLength)));
  });
});

describe('what common tools wrote', () => {
  const vectors = readVectors(
    'text.json',
    z.object({
      mustPass: z.array(
        z.object({ name: z.string(), format: formatSchema, value: z.string(), ciphertexts: z.array(hex) }),
      ),
    }),
  );

  test.each(vectors.mustPass)(
    '$name opens and comes back, and takes another as long in the same manner',
    (vector) => {
      const opened = createFormat(vector.format).open(utf8(vector.value));
      expect(opened.ciphertexts).toEqual(vector.ciphertexts);
      expect(Buffer.from(opened.seal(opened.ciphertexts)).toString()).toBe(vector.value);
      const other = opened.ciphertexts.map((ciphertext) => ciphertext.map((byte) => 255 - byte));
      const sealed = opened.seal(other);
      expect(createFormat(vector.format).open(sealed).ciphertexts).toEqual(
        other.map((bytes) => Buffer.from(bytes)),
      );
    },
  );
});
