import { createSecretKey } from 'node:crypto';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeCiphertext, encodeHeader, open, seal } from '../../src/kms/emulator/ciphertext.ts';
import { decodeBase64 } from '../../src/kms/emulator/message-fields.ts';
import { splitKeyPath } from '../../src/kms/emulator/key-path.ts';
import { runs } from '../support/property-runs.ts';

const bytes = (minLength: number, maxLength = minLength) =>
  fc.uint8Array({ minLength, maxLength }).map((array) => Buffer.from(array));
const secrets = fc.oneof(bytes(16), bytes(24), bytes(32)).map((key) => createSecretKey(key));
const versionIds = fc.stringMatching(/^abj[a-z0-9]{17}$/);
const bindings = fc.record({ keyId: fc.string({ minLength: 1, maxLength: 50 }), aadContext: bytes(0, 200) });

test('every header is read back as it was written', () => {
  const property = fc.property(
    versionIds,
    bytes(16),
    bytes(12),
    bytes(16, 300),
    (versionId, salt, iv, rest) => {
      const header = encodeHeader(versionId, salt, iv);
      const parts = decodeCiphertext(Buffer.concat([header, rest]));
      expect(parts).toMatchObject({ header, versionId, iv });
      expect(Buffer.concat([parts?.body ?? iv, parts?.tag ?? iv])).toEqual(rest);
      expect(header.subarray(32, 48)).toEqual(salt);
    },
  );
  fc.assert(property, runs());
});

test('reading rubbish never throws, and what it takes begins with a header', () => {
  const property = fc.property(bytes(0, 300), (rubbish) => {
    const parts = decodeCiphertext(rubbish);
    if (parts !== null) expect(rubbish.readUInt32BE(0)).toBe(1);
  });
  fc.assert(property, runs());
});

test('every plaintext comes back under its own binding, and under no other', () => {
  const property = fc.property(
    secrets,
    versionIds,
    bindings,
    bindings,
    bytes(1, 500),
    (secret, versionId, binding, other, plaintext) => {
      const parts = decodeCiphertext(seal(secret, versionId, binding, plaintext));
      if (parts === null) throw new Error('not read back');
      expect(parts.versionId).toBe(versionId);
      expect(open(secret, binding, parts)).toEqual(plaintext);
      const isSame = other.keyId === binding.keyId && other.aadContext.equals(binding.aadContext);
      expect(open(secret, other, parts)).toEqual(isSame ? plaintext : null);
    },
  );
  fc.assert(property, runs());
});

test('no change of a ciphertext opens', () => {
  const property = fc.property(
    secrets,
    bindings,
    bytes(1, 100),
    fc.nat(),
    fc.integer({ min: 1, max: 255 }),
    (secret, binding, plaintext, position, mask) => {
      const changed = seal(secret, 'abj0123456789abcdefg', binding, plaintext);
      const at = position % changed.length;
      changed.writeUInt8(changed.readUInt8(at) ^ mask, at);
      const parts = decodeCiphertext(changed);
      expect(parts === null ? null : open(secret, binding, parts)).toBeNull();
    },
  );
  fc.assert(property, runs());
});

test('every way to write base64 decodes to the same bytes', () => {
  const property = fc.property(bytes(0, 100), (raw) => {
    const padded = raw.toString('base64');
    const urlSafe = raw.toString('base64url');
    const urlSafePadded = padded.replaceAll('+', '-').replaceAll('/', '_');
    for (const text of [padded, padded.replaceAll('=', ''), urlSafe, urlSafePadded]) {
      expect(decodeBase64(text)).toEqual(raw);
    }
  });
  fc.assert(property, runs());
});

test('every key id survives the path of its method', () => {
  const keyIds = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }).filter((id) => id.length <= 50);
  const property = fc.property(keyIds, fc.constantFrom(':encrypt', '/versions', ''), (keyId, action) => {
    expect(splitKeyPath(`/kms/v1/keys/${encodeURIComponent(keyId)}${action}?a=b`)).toEqual({ keyId, action });
  });
  fc.assert(property, runs());
});
