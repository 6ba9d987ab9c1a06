import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import { type FormatSpec, plainFormats } from '../../src/rotation/formats/format.ts';
import { theCiphertext } from '../support/bytes.ts';
import { runs } from '../support/property-runs.ts';

const ciphertext = fc.uint8Array({ minLength: 1, maxLength: 300 });
const plainFormat = fc.constantFrom(...plainFormats);
const pointer = fc
  .array(fc.string({ unit: 'binary' }), { maxLength: 3 })
  .map((steps) => steps.map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''));
const spec = fc.oneof<fc.Arbitrary<FormatSpec>[]>(
  plainFormat,
  fc.record({ json: pointer, format: plainFormat }),
  fc.record({ prefix: fc.string({ minLength: 1 }), format: plainFormat }),
);

/** How writers of base64 spell the same bytes. */
const spelling = fc.record({
  padded: fc.boolean(),
  width: fc.option(fc.integer({ min: 1, max: 80 })),
  lineBreak: fc.constantFrom('\n', '\r\n'),
  endsWithBreak: fc.boolean(),
});
type Spelling = typeof spelling extends fc.Arbitrary<infer T> ? T : never;

function spell(bytes: Uint8Array, alphabet: 'base64' | 'base64url', how: Spelling): string {
  const unpadded = Buffer.from(bytes).toString(alphabet).replaceAll('=', '');
  const text = how.padded ? unpadded + '='.repeat((4 - (unpadded.length % 4)) % 4) : unpadded;
  const lines = how.width === null ? [text] : (text.match(new RegExp(`.{1,${how.width}}`, 'g')) ?? []);
  return lines.join(how.lineBreak) + (how.endsWithBreak ? how.lineBreak : '');
}

const document = fc.json({ stringUnit: 'binary' });

describe('formats', () => {
  test('whatever is accepted comes back byte for byte, and all else is BAD_FORMAT', () => {
    // Text near to the formats, so that both outcomes come often.
    const nearText = fc
      .stringMatching(/^(?:kms:)?[0-9a-fA-F+/=_\-\n\r" ]{0,12}$/)
      .map((text) => Buffer.from(text));
    const value = fc.oneof(
      nearText,
      fc.uint8Array({ maxLength: 40 }),
      document.map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(spec, value, (spec, value) => {
        const outcome = reseal(spec, value);
        if (outcome instanceof Fault) expect(outcome.code).toBe('BAD_FORMAT');
        else expect(Buffer.from(outcome)).toEqual(Buffer.from(value));
      }),
      runs(1000),
    );
  });

  test('every spelling of base64 opens, and a ciphertext of the same length is spelt alike', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('base64', 'base64url'),
        ciphertext,
        spelling,
        fc.nat(255),
        (alphabet, bytes, how, mask) => {
          const opened = createFormat(alphabet).open(Buffer.from(spell(bytes, alphabet, how)));
          expect(theCiphertext(opened)).toEqual(Buffer.from(bytes));
          const other = bytes.map((byte) => byte ^ mask);
          expect(Buffer.from(opened.seal([other])).toString()).toBe(spell(other, alphabet, how));
        },
      ),
      runs(300),
    );
  });

  test('a sealed value opens to the ciphertext that went in', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('base64', 'base64url', 'hex', 'raw'),
        ciphertext,
        ciphertext,
        (name, before, after) => {
          const format = createFormat({ prefix: 'kms:', format: name });
          const value = Buffer.concat([Buffer.from('kms:'), Buffer.from(encode(name, before))]);
          expect(theCiphertext(format.open(format.open(value).seal([after])))).toEqual(Buffer.from(after));
        },
      ),
      runs(),
    );
  });

  test('in JSON the pointed string alone changes, wherever it stands', () => {
    const indent = fc.constantFrom(0, 1, '\t');
    const member = fc.string({ unit: 'binary' }).filter((name) => name !== '__proto__');
    fc.assert(
      fc.property(
        fc.dictionary(member, fc.jsonValue()),
        member,
        ciphertext,
        ciphertext,
        indent,
        (rest, name, before, after, indent) => {
          const base64 = Buffer.from(before).toString('base64');
          const value = Buffer.from(JSON.stringify({ ...rest, [name]: base64 }, null, indent));
          const json = `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
          // Half surrogates are escaped by JSON.stringify, and so is a pointer's text by no one.
          const opened = createFormat({ json, format: 'base64' }).open(value);
          expect(theCiphertext(opened)).toEqual(Buffer.from(before));
          const expected = { ...rest, [name]: Buffer.from(after).toString('base64') };
          expect(Buffer.from(opened.seal([after])).toString()).toBe(JSON.stringify(expected, null, indent));
        },
      ),
      runs(),
    );
  });
});

function reseal(spec: FormatSpec, value: Uint8Array): Uint8Array | Fault {
  try {
    const opened = createFormat(spec).open(value);
    expect(theCiphertext(opened).length).toBeGreaterThan(0);
    return opened.seal(opened.ciphertexts);
  } catch (error) {
    if (error instanceof Fault) return error;
    throw error;
  }
}

function encode(name: 'base64' | 'base64url' | 'hex' | 'raw', bytes: Uint8Array): string | Uint8Array {
  return name === 'raw' ? bytes : Buffer.from(bytes).toString(name);
}
