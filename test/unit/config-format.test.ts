import { describe, expect, test } from 'vitest';
import { planDigest } from '../../src/config/plan-digest.ts';
import { namesIn, settings } from '../../src/config/settings.ts';
import { minimalConfig, parseText, parseWith, problemsWith } from '../support/parse-config.ts';

const tinkText = { encoding: 'base64', format: 'tink' };

describe('a format', () => {
  test.each([
    ['hex'],
    ['tink'],
    ['envelope'],
    [{ json: '/a~1b/0', format: 'base64' }],
    [{ json: '', format: 'base64' }],
    [{ json: ['/a', '/b/c'], format: 'base64' }],
    [{ prefix: 'kms:', format: 'base64url' }],
    [tinkText],
    [{ json: '/a', format: { prefix: 'kms:', format: tinkText } }],
    [['hex', 'base64']],
    [[{ prefix: 'v2:', format: 'base64' }, { json: '/a', format: tinkText }, 'base64']],
  ])('%j is as it was written', (format) => {
    expect(parseWith({ format }).config.format).toEqual(format);
  });

  test('is written in YAML as the documentation has it', () => {
    const { format: _, ...others } = minimalConfig;
    const yaml = `{ json: [/a, /b], format: { encoding: base64, format: tink } }`;
    const text = `${JSON.stringify(others).slice(0, -1)}, "format": ${yaml}}`;
    expect(parseText(text).config.format).toEqual({ json: ['/a', '/b'], format: tinkText });
  });

  test('cannot change within a pass, however deep the change', () => {
    const digestOf = (format: unknown): string => planDigest(parseWith({ format }).config);
    const formats = [
      { json: '/a', format: tinkText },
      { json: ['/a'], format: tinkText },
      { json: '/a', format: { encoding: 'hex', format: 'tink' } },
      { json: '/a', format: { encoding: 'base64', format: 'envelope' } },
      ['hex', 'base64'],
      ['hex', 'base64url'],
    ];
    expect(new Set(formats.map(digestOf)).size).toBe(formats.length);
  });

  test('is overridden by the environment', () => {
    const env = { KEYTURN_FORMAT_ENCODING: 'base64' };
    expect(parseWith({ format: 'tink' }, { env }).config.format).toEqual(tinkText);
    expect(parseWith({ format: tinkText }, { env: { KEYTURN_FORMAT: 'hex' } }).config.format).toBe('hex');
  });
});

describe('what is read off the schema', () => {
  test('ends, though formats hold formats', () => {
    const ofFormats = [...settings.keys()].filter((path) => path.startsWith('format'));
    expect(ofFormats).toEqual(['format', 'format.json', 'format.prefix', 'format.encoding', 'format.format']);
  });

  test('holds the names of a group at any depth', () => {
    const names = ['json', 'prefix', 'encoding', 'format'];
    for (const path of [['format'], ['format', 'format', 'format'], ['format', 3, 'format']]) {
      expect(namesIn(path)).toEqual(names);
    }
    expect(namesIn(['format', 'json'])).toEqual([]);
    expect(namesIn(['nothing', 'here'])).toEqual([]);
  });
});

describe('a format is refused in words', () => {
  test.each([
    ['base46', /^format: is no format; did you mean base64\?$/],
    ['Tink', /^format: is no format; did you mean tink\?$/],
    ['canary', /^format: is no format; use raw, .*tink, envelope, \{ json: .* or a list of these$/],
    [12, /^format: is no format; use raw/],
    [{ json: '/a', format: 'canary' }, /^format.format: is no format; use raw/],
    [[{ json: '/a', format: 'bas64' }], /^format\[0\].format: is no format; did you mean base64\?$/],
    [['base64', 'canary'], /^format\[1\]: is no format; use raw/],
    [['base64', ['canary']], /^format\[1\]: is a list inside a format; /],
    [{ prefix: 'a', format: ['raw'] }, /^format.format: is a list inside a format; /],
    [[], /^format: must not be empty; give a value$/],
    [{ json: '/a', prefix: 'b', format: 'raw' }, /^format: needs exactly one of json, prefix and encoding/],
    [{ format: 'raw' }, /^format: needs exactly one of json, prefix and encoding/],
    [{ json: '/a', format: { format: 'raw' } }, /^format.format: needs exactly one of json, prefix/],
    [{ json: '/a' }, /^format.format: is missing; add it$/],
    [{ json: 'canary', format: 'raw' }, /^format.json: is no JSON pointer; write for example \/secret/],
    [{ json: ['/a', 'canary'], format: 'raw' }, /^format.json\[1\]: is no JSON pointer/],
    [{ json: 7, format: 'raw' }, /^format.json: is no JSON pointer/],
    [{ json: [], format: 'raw' }, /^format.json: must not be empty; give a value$/],
    [{ json: ['/a', '/a'], format: 'raw' }, /^format: names \/a twice; name it once$/],
    [{ encoding: 'base32', format: 'tink' }, /^format.encoding: must be one of base64, base64url, hex; /],
    [{ json: '/a', format: 'tink' }, /^format: has tink, which is bytes, .* encoding: base64, format: tink/],
    [['raw', 'base64'], /^format: is a list in which raw opens what base64 should; put base64 first$/],
    [{ prefx: 'a', format: 'raw' }, /^format.prefx: unknown key; did you mean format.prefix\?$/],
    [
      [{ json: '/a', format: { prefx: 'a', format: 'raw' } }],
      /^format\[0\].format.prefx: unknown key; did you mean format\[0\].format.prefix\?$/,
    ],
    [
      { prefix: 'a', format: { prefix: 'b', format: { colour: 'canary', format: 'raw' } } },
      /^format.format.format.colour: unknown key; the nearest is .*, and all are json, prefix, encoding, format$/,
    ],
  ])('%j', (format, problem) => {
    const problems = problemsWith({ format });
    expect(problems).toContainEqual(expect.stringMatching(problem));
    expect(problems.join()).not.toContain('canary');
  });
});
