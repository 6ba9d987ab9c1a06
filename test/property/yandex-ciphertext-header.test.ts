import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readCiphertextVersion } from '../../src/kms/yandex/ciphertext-header.ts';
import { runs } from '../support/property-runs.ts';

const versionId = /^[a-z0-9]{20}$/;
/** Where a header says something: the version, and the lengths around it. */
const meaningful = [...Array(32).keys(), 48, 49, 50, 51];

const parts = fc.record({
  version: fc.stringMatching(versionId),
  nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  iv: fc.uint8Array({ minLength: 12, maxLength: 12 }),
  sealed: fc.uint8Array({ minLength: 16, maxLength: 200 }),
});

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const ciphertexts = parts.map(({ version, nonce, iv, sealed }) => ({
  version,
  ciphertext: Buffer.concat([u32(1), u32(20), Buffer.from(version), u32(16), nonce, u32(12), iv, sealed]),
}));

describe('version in the header of a Yandex ciphertext', () => {
  test('is read back, also from a view into a larger buffer', () => {
    fc.assert(
      fc.property(ciphertexts, fc.nat(20), ({ version, ciphertext }, offset) => {
        const larger = Buffer.concat([Buffer.alloc(offset), ciphertext]);
        expect(readCiphertextVersion(ciphertext)).toBe(version);
        expect(readCiphertextVersion(new Uint8Array(larger.buffer, larger.byteOffset + offset))).toBe(
          version,
        );
      }),
      runs(),
    );
  });

  test('is null for rubbish, which never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (rubbish) => {
        expect(readCiphertextVersion(rubbish)).toBeNull();
      }),
      runs(),
    );
  });

  test('is null or right for every prefix', () => {
    fc.assert(
      fc.property(ciphertexts, ({ version, ciphertext }) => {
        for (let length = 0; length < ciphertext.length; length += 1) {
          const read = readCiphertextVersion(ciphertext.subarray(0, length));
          expect(read).toBe(length < 80 ? null : version);
        }
      }),
      runs(10),
    );
  });

  test('is null or looks like an id when a byte of the header is changed, and null when a length is', () => {
    fc.assert(
      fc.property(ciphertexts, fc.integer({ min: 1, max: 255 }), ({ version, ciphertext }, flip) => {
        for (let at = 0; at < 64; at += 1) {
          const changed = Uint8Array.from(ciphertext);
          changed[at] = (changed[at] ?? 0) ^ flip;
          const read = readCiphertextVersion(changed);
          const inVersion = at >= 8 && at < 28;
          if (read === null) expect(meaningful).toContain(at);
          else if (inVersion) expect(read).toMatch(versionId);
          else expect([meaningful.includes(at), read]).toEqual([false, version]);
        }
      }),
      runs(10),
    );
  });
});
