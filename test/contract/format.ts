import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import type { Format, Opened } from '../../src/rotation/formats/format.ts';
import { badFormatOf } from '../support/bytes.ts';

export interface FormatFixture {
  readonly format: Format;
  /** Values of this format, of the same number of ciphertexts each. */
  readonly values: readonly Uint8Array[];
  /** What is not of it. */
  readonly foreign: readonly Uint8Array[];
}

// Text, so that it can stand in each format: shorter and longer than what stands there.
const otherCiphertexts = ['x', 'y'.repeat(80), 'z'.repeat(3000)].map((text) => Buffer.from(text));

/** What every `Format` must do. */
export function formatContract(name: string, { format, values, foreign }: FormatFixture): void {
  describe(`${name} is a format`, () => {
    test.each(values.map(named))('%s: its own ciphertexts give it back byte for byte', (_name, value) => {
      const opened = format.open(value);
      expect(opened.ciphertexts.length).toBeGreaterThan(0);
      for (const ciphertext of opened.ciphertexts) expect(ciphertext.length).toBeGreaterThan(0);
      expectSame(opened.seal(opened.ciphertexts), value);
    });

    test.each(values.map(named))('%s: other ciphertexts come back from what was sealed', (_name, value) => {
      const opened = format.open(value);
      for (const other of otherCiphertexts) {
        // Different ones, so that none can stand in the place of another.
        const others = opened.ciphertexts.map((_, index) => Buffer.concat([other, Buffer.from(`${index}`)]));
        const reopened = format.open(opened.seal(others));
        expect(reopened.ciphertexts.map(hexOf)).toEqual(others.map(hexOf));
        expect(reopened.aad).toBe(opened.aad);
      }
    });

    test.each(values.map(named))('%s: one ciphertext alone may change', (_name, value) => {
      const { ciphertexts, seal } = format.open(value);
      for (const changed of ciphertexts.keys()) {
        const others = ciphertexts.map((own, index) => (index === changed ? Buffer.from('changed') : own));
        expect(format.open(seal(others)).ciphertexts.map(hexOf)).toEqual(others.map(hexOf));
      }
    });

    test.each(values.map(named))('%s: what lies around it in memory is not read', (_name, value) => {
      const around = Buffer.concat([Buffer.from('{"'), value, Buffer.from('==0')]);
      const part = new Uint8Array(around.buffer, around.byteOffset + 2, value.length);
      const opened = format.open(part);
      expect(summaryOf(opened)).toEqual(summaryOf(format.open(value)));
      expectSame(opened.seal(opened.ciphertexts), value);
    });

    test.each(values.map(named))('%s: opening and sealing leave it as it is', (_name, value) => {
      const before = Buffer.from(value);
      const first = format.open(value);
      const others = first.ciphertexts.map(() => Buffer.from('other'));
      first.seal(others);
      expectSame(value, before);
      expect(summaryOf(format.open(value))).toEqual(summaryOf(first));
      expectSame(first.seal(first.ciphertexts), before);
    });

    test.each(values.map(named))('%s: an envelope takes another key, IV and payload', (_name, value) => {
      const { ciphertexts, envelope } = format.open(value);
      if (envelope === null) return;
      expect(ciphertexts).toHaveLength(1);
      expect(envelope.iv).toHaveLength(12);
      expect(envelope.payload.length).toBeGreaterThanOrEqual(16);
      const [own = Buffer.alloc(0)] = ciphertexts;
      expectSame(envelope.sealWith(own, envelope.iv, envelope.payload), value);

      const other = { key: Buffer.from('other key'), iv: Buffer.alloc(12, 7), payload: Buffer.alloc(40, 8) };
      const reopened = format.open(envelope.sealWith(other.key, other.iv, other.payload));
      expect(reopened.ciphertexts.map(hexOf)).toEqual([hexOf(other.key)]);
      expect(hexOf(reopened.envelope?.iv)).toBe(hexOf(other.iv));
      expect(hexOf(reopened.envelope?.payload)).toBe(hexOf(other.payload));
    });

    test.each([...foreign, new Uint8Array()].map(named))('%s is BAD_FORMAT', (_name, value) => {
      const message = badFormatOf(() => format.open(value));
      expect(message).toMatch(/^the stored value is not .+; mend or exclude the record$/s);
      expect(message).not.toContain('canary');
    });
  });
}

function named(value: Uint8Array): [string, Uint8Array] {
  const text = JSON.stringify(Buffer.from(value).toString('latin1'));
  return [text.length > 60 ? `${text.slice(0, 60)}… of ${value.length}` : text, value];
}

function summaryOf({ ciphertexts, aad, envelope }: Opened): unknown {
  return {
    ciphertexts: ciphertexts.map(hexOf),
    aad,
    iv: hexOf(envelope?.iv),
    payload: hexOf(envelope?.payload),
  };
}

function hexOf(bytes: Uint8Array | undefined): string | null {
  return bytes === undefined ? null : Buffer.from(bytes).toString('hex');
}

function expectSame(actual: Uint8Array, expected: Uint8Array): void {
  expect(hexOf(actual)).toBe(hexOf(expected));
}
