import { Buffer } from 'node:buffer';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import type { Encoding, Format, SingleFormat } from '../../src/rotation/formats/format.ts';
import { formatSpecProblem } from '../../src/rotation/formats/format-spec-problem.ts';
import { usesTemplateAad } from '../../src/rotation/formats/uses-template-aad.ts';
import { theCiphertext } from '../support/bytes.ts';
import { runs } from '../support/property-runs.ts';

/** A format, and a value of it with nothing but its ciphertexts left open. */
interface Scene {
  readonly spec: SingleFormat;
  readonly ciphertexts: number;
  /** Whether its ciphertexts can only be text. */
  readonly ofText: boolean;
  readonly aad: 'template' | 'none';
  write(ciphertexts: readonly Buffer[]): Buffer;
}

const ciphertext = fc.uint8Array({ minLength: 1, maxLength: 300 });
const textCiphertext = fc.string({ unit: 'binary', minLength: 1 }).map((text) => Buffer.from(text));
const prefix = fc.string({ unit: 'binary', minLength: 1, maxLength: 5 });
const encoding = fc.constantFrom<Encoding[]>('base64', 'base64url', 'hex');
const pointers = fc
  .subarray(['/a', '/b/c', '/b/0', '/~01/é~1'], { minLength: 1 })
  .chain((all) => fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }));
const sized = (key: Uint8Array): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(key.length);
  return Buffer.concat([length, key]);
};
const first = (ciphertexts: readonly Buffer[]): Buffer => ciphertexts[0] ?? Buffer.alloc(0);
const one = { ciphertexts: 1, ofText: false, aad: 'template' } as const;

const { any: anyScene } = fc.letrec<{ any: Scene; bytes: Scene; text: Scene }>((tie) => ({
  any: fc.oneof({ maxDepth: 3 }, tie('bytes'), tie('text')),
  bytes: fc.oneof(
    { maxDepth: 3 },
    fc.constant<Scene>({ spec: 'raw', ...one, write: first }),
    fc
      .tuple(fc.constantFrom('', '0100000007', '01ffffffff'), fc.uint8Array({ minLength: 1 }))
      .map(([head, payload]): Scene => ({
        spec: 'tink',
        ...one,
        aad: 'none',
        write: (all) => Buffer.concat([Buffer.from(head, 'hex'), sized(first(all)), payload]),
      })),
    fc.uint8Array({ minLength: 28, maxLength: 60 }).map((rest): Scene => ({
      spec: 'envelope',
      ...one,
      write: (all) => Buffer.concat([sized(first(all)), rest]),
    })),
    fc.tuple(prefix, tie('bytes')).map(behind),
  ),
  text: fc.oneof(
    { maxDepth: 3 },
    fc.constant<Scene>({ spec: 'text', ...one, ofText: true, write: first }),
    encoding.map((spec): Scene => ({ spec, ...one, write: (all) => Buffer.from(first(all).toString(spec)) })),
    fc.tuple(prefix, tie('text')).map(behind),
    fc.tuple(encoding, tie('any')).map(([encoding, inner]): Scene => ({
      ...inner,
      spec: { encoding, format: inner.spec },
      write: (all) => Buffer.from(inner.write(all).toString(encoding)),
    })),
    fc.tuple(pointers, tie('text'), fc.constantFrom(0, 1, '\t'), fc.jsonValue()).map(inJson),
  ),
}));

function behind([prefix, inner]: [string, Scene]): Scene {
  return {
    ...inner,
    spec: { prefix, format: inner.spec },
    write: (all) => Buffer.concat([Buffer.from(prefix), inner.write(all)]),
  };
}

function inJson([json, inner, indent, rest]: [string[], Scene, string | number, unknown]): Scene {
  const each = inner.ciphertexts;
  return {
    spec: { json, format: inner.spec },
    ciphertexts: json.length * each,
    ofText: inner.ofText,
    aad: inner.aad,
    write(all) {
      const textAt = (pointer: string): string | undefined => {
        const start = json.indexOf(pointer) * each;
        return start < 0 ? undefined : inner.write(all.slice(start, start + each)).toString();
      };
      const b = { c: textAt('/b/c'), '0': textAt('/b/0'), rest };
      const document = { rest, a: textAt('/a'), '~1': { 'é/': textAt('/~01/é~1') }, b, last: 'é' };
      return Buffer.from(JSON.stringify(document, null, indent));
    },
  };
}

const filled = anyScene.chain((scene) => {
  const all = fc.array(scene.ofText ? textCiphertext : ciphertext.map((bytes) => Buffer.from(bytes)), {
    minLength: scene.ciphertexts,
    maxLength: scene.ciphertexts,
  });
  return fc.record({ scene: fc.constant(scene), own: all, others: all });
});

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

/** Rubbish, text near to the formats, and values of a format with a few bytes changed. */
const nearValue = fc.oneof(
  fc.stringMatching(/^(?:kms:)?[0-9a-fA-F+/=_\-\n\r" ]{0,12}$/).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.json({ stringUnit: 'binary' }).map((text) => Buffer.from(text)),
);
const damage = fc.record({ at: fc.nat(400), cut: fc.nat(3), put: fc.uint8Array({ maxLength: 3 }) });

describe('formats', () => {
  test('what lies in a value is found, and nothing but that changes', () => {
    fc.assert(
      fc.property(filled, ({ scene, own, others }) => {
        const value = scene.write(own);
        const opened = createFormat(scene.spec).open(value);
        expect(opened.ciphertexts.map(hexOf)).toEqual(own.map(hexOf));
        expect(opened.aad).toBe(scene.aad);
        expect(usesTemplateAad(scene.spec)).toBe(scene.aad === 'template');
        expect(hexOf(opened.seal(opened.ciphertexts))).toBe(hexOf(value));
        expect(hexOf(opened.seal(others))).toBe(hexOf(scene.write(others)));
      }),
      runs(400),
    );
  });

  test('what is damaged comes back byte for byte, or is BAD_FORMAT', () => {
    fc.assert(
      fc.property(filled, damage, ({ scene, own }, { at, cut, put }) => {
        const value = scene.write(own);
        const start = at % value.length;
        const damaged = Buffer.concat([value.subarray(0, start), put, value.subarray(start + cut)]);
        expectResealedOrBadFormat(createFormat(scene.spec), damaged);
      }),
      runs(300),
    );
  });

  test('whatever is accepted comes back byte for byte, and all else is BAD_FORMAT', () => {
    fc.assert(
      fc.property(anyScene, nearValue, ({ spec }, value) => {
        expectResealedOrBadFormat(createFormat(spec), value);
      }),
      runs(300),
    );
  });

  test('a list does what the first of its formats does that opens the value', () => {
    const list = fc
      .array(filled, { minLength: 2, maxLength: 3 })
      .filter((scenes) => formatSpecProblem(scenes.map(({ scene }) => scene.spec)) === null);
    fc.assert(
      fc.property(list, fc.nat(2), (scenes, chosen) => {
        const specs = scenes.map(({ scene }) => scene.spec);
        const value = scenes.map(({ scene, own }) => scene.write(own))[chosen % scenes.length];
        if (value === undefined) throw new Error('there are at least two');
        const opened = createFormat(specs).open(value);
        const expected = specs
          .map((spec) => tryOpen(createFormat(spec), value))
          .find((tried) => tried !== null);
        // A wrapped key that is too short for one may be taken for a bare ciphertext.
        fc.pre(expected?.ciphertexts.every(({ length }) => length >= 16) ?? false);
        expect(opened.ciphertexts.map(hexOf)).toEqual(expected?.ciphertexts.map(hexOf));
        expect(opened.aad).toBe(expected?.aad);
        expect(hexOf(opened.seal(opened.ciphertexts))).toBe(hexOf(value));
      }),
      runs(),
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

/** Null where the value is BAD_FORMAT; whatever else is thrown is thrown again. */
function tryOpen(format: Format, value: Uint8Array): ReturnType<Format['open']> | null {
  try {
    return format.open(value);
  } catch (error) {
    if (error instanceof Fault && error.code === 'BAD_FORMAT' && error.faultClass === 'record') return null;
    throw error;
  }
}

function expectResealedOrBadFormat(format: Format, value: Uint8Array): void {
  const opened = tryOpen(format, value);
  if (opened === null) return;
  expect(opened.ciphertexts.every(({ length }) => length > 0)).toBe(true);
  expect(hexOf(opened.seal(opened.ciphertexts))).toBe(hexOf(value));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
