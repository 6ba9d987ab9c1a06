import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createVersionPrefix, defaultVersionTemplate } from '../../src/kms/vault/version-prefix.ts';
import { runs } from '../support/property-runs.ts';

const prefix = createVersionPrefix(defaultVersionTemplate);
const versions = fc.integer({ min: 1, max: 999_999_999 });
/** As short as an encryption of nothing gets: nonce and tag. */
const payloads = fc
  .uint8Array({ minLength: 28, maxLength: 200 })
  .map((bytes) => Buffer.from(bytes).toString('base64'));

describe('version in the prefix of a Vault ciphertext', () => {
  test('is read back, by whatever template wrote it', () => {
    // A digit at the edge of a template would run into the version.
    const edges = fc.stringMatching(/^[a-z:/.-]{1,8}$/);
    fc.assert(
      fc.property(versions, payloads, edges, edges, (version, payload, before, after) => {
        const custom = createVersionPrefix(`${before}{{version}}${after}`);
        for (const [each, text] of [
          [prefix, `vault:v${version}:${payload}`],
          [custom, `${before}${version}${after}${payload}`],
        ] as const) {
          expect(each.read(text)).toBe(String(version));
          expect(each.readLeniently(text)).toBe(String(version));
        }
      }),
      runs(),
    );
  });

  test('is null for rubbish, which never throws', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, template) => {
        expect(prefix.read(text)).toBeNull();
        createVersionPrefix(template).read(text);
        createVersionPrefix(template).readLeniently(text);
      }),
      runs(),
    );
  });

  test('is null for what only looks like one', () => {
    const spoils = fc.constantFrom<(version: number, payload: string) => string>(
      (version, payload) => `vault:v0${version}:${payload}`,
      (version, payload) => `vault:v+${version}:${payload}`,
      (version, payload) => `vault:v-${version}:${payload}`,
      (version, payload) => `vault:v${version}.0:${payload}`,
      (version, payload) => `vault:v ${version}:${payload}`,
      (version, payload) => `vault:v${version}9999999999:${payload}`,
      (_, payload) => `vault:v0:${payload}`,
      (_, payload) => `vault:v:${payload}`,
      (version, payload) => ` vault:v${version}:${payload}`,
      (version, payload) => `Vault:v${version}:${payload}`,
      (version, payload) => `vault:v${version}:${payload}\n`,
      (version, payload) => `vault:v${version}:${payload}=`,
      (version, payload) => `vault:v${version}:${payload.slice(1)}`,
      (version, payload) => `vault:v${version}:${payload.slice(0, 36)}`,
      (version, payload) => `vault:v${version}::${payload}`,
      (version) => `vault:v${version}:`,
      (version) => `vault:v${version}`,
    );
    fc.assert(
      fc.property(versions, payloads, spoils, (version, payload, spoil) => {
        expect(prefix.read(spoil(version, payload))).toBeNull();
      }),
      runs(),
    );
  });

  test('is null or right for every part of a ciphertext that is cut off', () => {
    fc.assert(
      fc.property(versions, payloads, (version, payload) => {
        const text = `vault:v${version}:${payload}`;
        for (let length = 0; length < text.length; length += 1) {
          expect([null, String(version)]).toContain(prefix.read(text.slice(0, length)));
        }
      }),
      runs(10),
    );
  });
});
