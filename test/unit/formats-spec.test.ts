import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import { describeFormat } from '../../src/rotation/formats/describe-format.ts';
import type { FormatSpec, SingleFormat } from '../../src/rotation/formats/format.ts';
import { usesTemplateAad } from '../../src/rotation/formats/uses-template-aad.ts';
import { utf8 } from '../support/bytes.ts';

/** Expects a usage fault, and returns what its message says. */
function refusalOf(spec: FormatSpec): string {
  try {
    createFormat(spec);
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    expect(error).toMatchObject({ faultClass: 'usage', code: 'CONFIG_INVALID' });
    return error instanceof Fault ? error.message : '';
  }
  throw new Error('expected the format to be refused');
}

describe('JSON pointers that cannot both be strings are refused', () => {
  test.each([
    [['/a', '/a'], 'names /a twice; name it once'],
    [['', ''], 'names "" twice; name it once'],
    [['/a', '/a/b'], 'names /a and /a/b, of which one lies in the other, .*; keep one'],
    [['/a/0/b', '/x', '/a'], 'names /a/0/b and /a, '],
    [['', '/a'], 'names "" and /a, '],
    [[], 'has an empty list of JSON pointers; name at least one'],
  ])('%j', (json, problem) => {
    expect(refusalOf({ json, format: 'base64' })).toMatch(new RegExp(`^the format ${problem}`));
    expect(refusalOf(['hex', { prefix: 'a', format: { json, format: 'base64' } }])).toContain(' name');
  });

  test('names that only begin alike are different places', () => {
    createFormat({ json: ['/a', '/ab', '/a~1b', '/b/a'], format: 'base64' });
  });
});

describe('bytes in a JSON string are refused, with what to write instead', () => {
  test.each<[SingleFormat]>([['tink'], ['envelope'], [{ prefix: 'kms:', format: 'envelope' }]])(
    '%j',
    (format) => {
      expect(refusalOf({ json: '/a', format })).toMatch(
        /write \{ encoding: base64, format: (tink|envelope) \}/,
      );
      createFormat({ json: '/a', format: { encoding: 'base64', format } });
    },
  );
});

describe('a list in which a format is never reached is refused', () => {
  test.each<[SingleFormat, SingleFormat]>([
    ['raw', 'base64'],
    ['raw', 'text'],
    ['raw', { json: '/a', format: 'base64' }],
    ['text', 'base64'],
    ['text', 'hex'],
    ['text', { json: '/a', format: 'base64' }],
    ['text', { prefix: 'kms:', format: 'base64' }],
    ['text', { encoding: 'base64', format: 'tink' }],
    ['base64', { encoding: 'base64', format: 'tink' }],
    [
      { prefix: 'a', format: 'raw' },
      { prefix: 'ab', format: 'hex' },
    ],
    [
      { prefix: 'a', format: 'text' },
      { prefix: 'a', format: { prefix: 'b', format: 'hex' } },
    ],
    [
      { json: '/a', format: 'text' },
      { json: '/a', format: 'hex' },
    ],
    // The other order opens what has both by both, not by the first alone.
    [
      { json: '/a', format: 'hex' },
      { json: ['/b', '/a'], format: 'hex' },
    ],
  ])('%j before %j; the other way round is fine', (first, second) => {
    expect(refusalOf([first, second])).toBe(
      `the format is a list in which ${describeFormat(first)} opens what ${describeFormat(second)} should; ` +
        `put ${describeFormat(second)} first`,
    );
    expect(refusalOf([first, { prefix: 'other', format: 'hex' }, second])).toMatch(/ put .* first$/);
    createFormat([second, first]);
  });

  test.each<[SingleFormat, SingleFormat]>([
    ['tink', 'envelope'],
    ['envelope', 'tink'],
    ['raw', 'raw'],
    ['base64', 'base64'],
    ['base64', { encoding: 'base64', format: 'raw' }],
    [
      { json: '/a', format: 'hex' },
      { json: ['/a'], format: 'hex' },
    ],
    [
      { json: ['/a', '/b'], format: 'hex' },
      { json: ['/b', '/a'], format: 'hex' },
    ],
    [
      { encoding: 'base64', format: 'tink' },
      { encoding: 'base64', format: 'envelope' },
    ],
  ])('%j and %j cannot be told apart', (first, second) => {
    expect(refusalOf([first, second])).toMatch(/; keep one of them$/);
  });

  test.each<[SingleFormat, SingleFormat]>([
    ['text', 'raw'],
    ['text', 'tink'],
    ['base64', 'base64url'],
    ['base64', 'hex'],
    [{ prefix: 'a', format: 'base64' }, 'base64'],
    [
      { prefix: 'a', format: 'raw' },
      { prefix: 'b', format: 'raw' },
    ],
    [
      { json: '/a', format: 'base64' },
      { json: '/b', format: 'base64' },
    ],
    [{ encoding: 'base64', format: 'tink' }, 'base64'],
    [
      { encoding: 'base64', format: 'tink' },
      { encoding: 'hex', format: 'tink' },
    ],
  ])('%j before %j is fine', (first, second) => {
    createFormat([first, second]);
  });

  test('none at all', () => {
    expect(refusalOf([])).toBe('the format is an empty list; name at least one');
  });
});

describe('which AAD a format needs', () => {
  test.each<[FormatSpec, boolean]>([
    ['tink', false],
    [{ encoding: 'base64', format: 'tink' }, false],
    [
      [{ json: ['/a', '/b'], format: { prefix: 'x', format: { encoding: 'hex', format: 'tink' } } }, 'tink'],
      false,
    ],
    ['envelope', true],
    ['raw', true],
    [['tink', 'base64'], true],
    [[{ json: '/a', format: 'base64' }, 'tink'], true],
  ])('%j: that of the template: %j', (spec, expected) => {
    expect(usesTemplateAad(spec)).toBe(expected);
  });
});

describe("what is Tink's has no AAD, wherever it lies", () => {
  const text = 'AAAAA6q7zP8A';
  test.each<[SingleFormat, string]>([
    [{ encoding: 'base64', format: 'tink' }, text],
    [{ prefix: 'x', format: { encoding: 'base64', format: 'tink' } }, `x${text}`],
    [{ json: '', format: { encoding: 'base64', format: 'tink' } }, `"${text}"`],
    [{ json: ['/0', '/1'], format: { encoding: 'base64', format: 'tink' } }, `["${text}", "${text}"]`],
  ])('%j', (spec, value) => {
    expect(createFormat(spec).open(utf8(value)).aad).toBe('none');
    expect(createFormat([spec, 'hex']).open(utf8(value)).aad).toBe('none');
  });
});

test.each<[SingleFormat, string]>([
  ['hex', 'hex'],
  [{ json: '', format: 'raw' }, '{ json: "", format: raw }'],
  [{ json: ['/a', '/b c'], format: 'raw' }, '{ json: [/a, "/b c"], format: raw }'],
  [
    { prefix: 'kms:', format: { encoding: 'hex', format: 'tink' } },
    '{ prefix: "kms:", format: { encoding: hex, format: tink } }',
  ],
])('%j is named as the config has it', (spec, words) => {
  expect(describeFormat(spec)).toBe(words);
});
