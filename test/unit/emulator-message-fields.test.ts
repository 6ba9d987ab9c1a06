import { describe, expect, test } from 'vitest';
import { algorithmNumbers } from '../../src/kms/emulator/algorithms.ts';
import {
  decodeBase64,
  parseMessage,
  readBoolean,
  readBytes,
  readDurationMs,
  readEnum,
  readFieldMask,
  readInteger,
  readLabels,
  readRequiredBytes,
  readRequiredString,
  readString,
} from '../../src/kms/emulator/message-fields.ts';

const invalid = expect.objectContaining({ code: 'INVALID_ARGUMENT' });

const encoded = (length: number) => Buffer.alloc(length).toString('base64');

describe('a request body', () => {
  test('is an object, or nothing at all', () => {
    expect(parseMessage('')).toEqual({});
    expect(parseMessage(' \n')).toEqual({});
    expect(parseMessage('{"a":1}')).toEqual({ a: 1 });
  });

  test.each(['{', 'null', '[]', '"text"', '1', 'a=b', '{"a":1}x', '\0'])(
    'is refused when it is %j',
    (text) => {
      expect(() => parseMessage(text)).toThrow(invalid);
    },
  );
});

describe('base64', () => {
  test.each([
    ['', ''],
    ['YQ==', 'a'],
    ['YQ', 'a'],
    ['YWI=', 'ab'],
    ['YWI', 'ab'],
    ['YWJj', 'abc'],
    ['Pz8/Pj4+', '???>>>'],
    ['Pz8_Pj4-', '???>>>'],
  ])('%j is taken, in either alphabet, padded or not', (text, decoded) => {
    expect(decodeBase64(text)?.toString()).toBe(decoded);
  });

  test.each([
    'Y',
    'YWJjZ',
    'Y===',
    '=',
    '====',
    'YQ=',
    'YWI==',
    'YQ==YQ==',
    'YW Jj',
    'YWJj\n',
    'YW*j',
    'пароль',
  ])('%j is refused: decoding it would drop something', (text) => {
    expect(decodeBase64(text)).toBeNull();
    expect(() => readBytes({ plaintext: text }, 'plaintext', 100)).toThrow(invalid);
  });
});

describe('a field', () => {
  test('is found under its camelCase and its snake_case name', () => {
    expect(readString({ versionId: 'v' }, 'versionId', 50)).toBe('v');
    expect(readString({ version_id: 'v' }, 'versionId', 50)).toBe('v');
    expect(readBytes({ source_aad_context: 'YQ' }, 'sourceAadContext', 50).toString()).toBe('a');
  });

  test('that is null or absent has its default', () => {
    for (const message of [{}, { field: null }]) {
      expect(readString(message, 'field', 1)).toBe('');
      expect(readBytes(message, 'field', 1)).toHaveLength(0);
      expect(readBoolean(message, 'field')).toBe(false);
      expect(readInteger(message, 'field')).toBe(0);
      expect(readDurationMs(message, 'field')).toBeNull();
      expect(readLabels(message, 'field')).toEqual({});
      expect(() => readRequiredString(message, 'field', 1)).toThrow(invalid);
      expect(() => readRequiredBytes(message, 'field', 1)).toThrow(invalid);
      expect(() => readEnum(message, 'field', algorithmNumbers)).toThrow(invalid);
    }
  });

  test('of another type is refused', () => {
    for (const field of [1, true, {}, ['YQ']]) {
      expect(() => readString({ field }, 'field', 9)).toThrow(invalid);
      expect(() => readBytes({ field }, 'field', 9)).toThrow(invalid);
    }
    for (const field of ['true', 1, {}]) expect(() => readBoolean({ field }, 'field')).toThrow(invalid);
    for (const field of ['', 'x', 1.5, true, '1.5'])
      expect(() => readInteger({ field }, 'field')).toThrow(invalid);
  });

  test('is taken at its limit and refused beyond it, bytes counted decoded', () => {
    expect(readString({ id: 'a'.repeat(50) }, 'id', 50)).toHaveLength(50);
    expect(() => readString({ id: 'a'.repeat(51) }, 'id', 50)).toThrow(invalid);
    expect(readBytes({ aad: encoded(8192) }, 'aad', 8192)).toHaveLength(8192);
    expect(() => readBytes({ aad: encoded(8193) }, 'aad', 8192)).toThrow(invalid);
  });

  test('never shows its value in a refusal', () => {
    const canary = 'canary*'.repeat(20);
    for (const read of [readString, readBytes]) {
      expect(() => read({ field: canary }, 'field', 5)).toThrow(
        expect.objectContaining({ message: expect.not.stringContaining('canary') }),
      );
    }
  });
});

describe('an enum', () => {
  test.each([
    ['AES_128', 1],
    ['AES_192', 2],
    ['AES_256', 3],
    ['AES_256_HSM', 4],
  ])('%s is taken by name and as number %i', (name, number) => {
    expect(readEnum({ spec: name }, 'spec', algorithmNumbers)).toBe(name);
    expect(readEnum({ spec: number }, 'spec', algorithmNumbers)).toBe(name);
  });

  test.each(['SYMMETRIC_ALGORITHM_UNSPECIFIED', 0, 9, 'aes_256', '3', '', 'toString', {}])(
    '%j is refused',
    (spec) => {
      expect(() => readEnum({ spec }, 'spec', algorithmNumbers)).toThrow(invalid);
    },
  );
});

test.each([
  ['604800s', 604_800_000],
  ['0s', 0],
  ['1.5s', 1500],
])('the duration %s is read in milliseconds', (text, ms) => {
  expect(readDurationMs({ pendingPeriod: text }, 'pendingPeriod')).toBe(ms);
});

test.each(['-1s', '1', '1m', 's', '9999999999s', 60])('the duration %j is refused', (text) => {
  expect(() => readDurationMs({ pendingPeriod: text }, 'pendingPeriod')).toThrow(invalid);
});

test('labels outside the rule of the protos are refused', () => {
  expect(readLabels({ labels: { project: 'mvp', empty: '' } }, 'labels')).toEqual({
    project: 'mvp',
    empty: '',
  });
  const tooMany = Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`a${index}`, '']));
  for (const labels of [
    { Upper: 'a' },
    { a: 'B' },
    { a: 1 },
    { ['a'.repeat(64)]: '' },
    { ['']: '' },
    [],
    'a',
    tooMany,
  ]) {
    expect(() => readLabels({ labels }, 'labels')).toThrow(invalid);
  }
});

test('a field mask is taken in either case', () => {
  expect(readFieldMask({ updateMask: 'status,default_algorithm' }, 'updateMask')).toEqual([
    'status',
    'defaultAlgorithm',
  ]);
  expect(() => readFieldMask({}, 'updateMask')).toThrow(invalid);
});
