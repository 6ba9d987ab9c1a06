import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import {
  ciphertextOverhead,
  decodeCiphertext,
  headerLength,
  open,
  seal,
  type Binding,
} from '../../src/kms/emulator/ciphertext.ts';

const versionId = 'abj0123456789abcdefg';
const secret = createSecretKey(randomBytes(32));
const binding: Binding = { keyId: 'key-1', aadContext: Buffer.from('customer/7') };
const plaintext = Buffer.from('123-45-6789');
const ciphertext = seal(secret, versionId, binding, plaintext);

function reopen(bytes: Buffer, changed: Partial<Binding> = {}, underSecret = secret): Buffer | null {
  const parts = decodeCiphertext(bytes);
  return parts === null ? null : open(underSecret, { ...binding, ...changed }, parts);
}

describe('the layout of a ciphertext', () => {
  test('is that of public samples: each field behind its length, 80 bytes over the plaintext', () => {
    expect(ciphertext.length).toBe(plaintext.length + 80);
    expect(ciphertextOverhead).toBe(80);
    expect(ciphertext.subarray(0, 8).toString('hex')).toBe('0000000100000014');
    expect(ciphertext.toString('latin1', 8, 28)).toBe(versionId);
    expect(ciphertext.readUInt32BE(28)).toBe(16);
    expect(ciphertext.readUInt32BE(48)).toBe(12);
    expect(headerLength).toBe(64);
  });

  test.each([16, 24, 32])('holds for a key of %i bytes', (keyLength) => {
    const other = createSecretKey(randomBytes(keyLength));
    const sealed = seal(other, versionId, binding, plaintext);
    expect(reopen(sealed, {}, other)).toEqual(plaintext);
    expect(sealed.length).toBe(plaintext.length + 80);
  });

  test('never comes twice, so that equal plaintexts do not show', () => {
    const again = seal(secret, versionId, binding, plaintext);
    expect(again.subarray(32, 48)).not.toEqual(ciphertext.subarray(32, 48));
    expect(again.subarray(52, 64)).not.toEqual(ciphertext.subarray(52, 64));
    expect(again.subarray(64)).not.toEqual(ciphertext.subarray(64));
  });
});

describe('a ciphertext opens', () => {
  test('as it was sealed', () => {
    expect(reopen(ciphertext)).toEqual(plaintext);
  });

  test('at no prefix of it', () => {
    for (let length = 0; length < ciphertext.length; length++) {
      expect(reopen(ciphertext.subarray(0, length)), `${length} bytes`).toBeNull();
    }
  });

  test('with no bit of it flipped, header included', () => {
    for (let bit = 0; bit < ciphertext.length * 8; bit++) {
      const flipped = Buffer.from(ciphertext);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(reopen(flipped), `bit ${bit}`).toBeNull();
    }
  });

  test('with nothing before or behind it', () => {
    expect(reopen(Buffer.concat([ciphertext, Buffer.alloc(1)]))).toBeNull();
    expect(reopen(Buffer.concat([ciphertext, ciphertext]))).toBeNull();
    expect(reopen(Buffer.concat([Buffer.alloc(1), ciphertext]))).toBeNull();
  });

  test('under no other key id, AAD context or secret', () => {
    expect(reopen(ciphertext, { keyId: 'key-2' })).toBeNull();
    expect(reopen(ciphertext, { aadContext: Buffer.from('customer/8') })).toBeNull();
    expect(reopen(ciphertext, { aadContext: Buffer.alloc(0) })).toBeNull();
    expect(reopen(ciphertext, {}, createSecretKey(randomBytes(32)))).toBeNull();
    expect(reopen(ciphertext, {}, createSecretKey(randomBytes(16)))).toBeNull();
  });

  test('not when the key id and the AAD context only run together the same', () => {
    expect(reopen(ciphertext, { keyId: 'key-1c', aadContext: Buffer.from('ustomer/7') })).toBeNull();
    expect(reopen(ciphertext, { keyId: 'key-', aadContext: Buffer.from('1customer/7') })).toBeNull();
  });

  test('not with the header of another one', () => {
    const other = seal(secret, versionId, binding, plaintext);
    const swapped = Buffer.concat([other.subarray(0, headerLength), ciphertext.subarray(headerLength)]);
    expect(reopen(swapped)).toBeNull();
  });
});
