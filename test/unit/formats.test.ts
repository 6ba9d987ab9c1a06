import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import type { FormatSpec } from '../../src/rotation/formats/format.ts';
import { asBytes, badFormatOf, openedHex, sealedText, utf8 } from '../support/bytes.ts';

const bytes = (hex: string): Uint8Array => Buffer.from(hex, 'hex');
// 60 bytes: 80 characters of base64, more than one line of 76.
const long = '00112233445566778899aabbccddeeff'.repeat(4).slice(0, 120);
const line76 = 'ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8AESIzRFVmd4iZqrvM3e7/ABEiM0RVZneI';
const rest = 'maq7';

describe('opening', () => {
  test.each<[FormatSpec, Uint8Array | string, string]>([
    ['raw', bytes('00ff80'), '00ff80'],
    ['text', 'vault:v1:é', Buffer.from('vault:v1:é').toString('hex')],
    // RFC 4648 §10.
    ['base64', 'Zg==', '66'],
    ['base64', 'Zm8=', '666f'],
    ['base64', 'Zm9vYmFy', '666f6f626172'],
    ['base64', '++//', 'fbefff'],
    ['base64', 'Zg', '66'],
    ['base64', 'Zm8', '666f'],
    ['base64', 'Zg==\n', '66'],
    ['base64', `${line76}\n${rest}`, long],
    ['base64', `${line76}\r\n${rest}\r\n`, long],
    ['base64', 'Zm9v\nYmFy', '666f6f626172'],
    ['base64url', '--__', 'fbefff'],
    ['base64url', 'Zg', '66'],
    ['base64url', 'Zg==', '66'],
    // RFC 4648 §10.
    ['hex', '666F6F', '666f6f'],
    ['hex', '00ff', '00ff'],
    ['hex', '0123', '0123'],
    [{ prefix: 'kms:', format: 'base64' }, 'kms:Zg==', '66'],
    [{ prefix: '\\x', format: 'hex' }, '\\x00ff', '00ff'],
    [{ prefix: 'kms:', format: 'raw' }, Buffer.concat([Buffer.from('kms:'), bytes('00ff')]), '00ff'],
  ])('%j finds in %j what it holds, and puts it back byte for byte', (spec, value, ciphertext) => {
    const format = createFormat(spec);
    expect(openedHex(format, value)).toBe(ciphertext);
    const opened = format.open(asBytes(value));
    expect(Buffer.from(opened.seal(opened.ciphertexts))).toEqual(Buffer.from(asBytes(value)));
  });

  test('a value in the middle of a larger buffer is not read beyond its ends', () => {
    const around = utf8('xxZg==xx');
    for (const spec of ['base64', 'base64url'] as const) {
      expect(openedHex(createFormat(spec), around.subarray(2, 6))).toBe('66');
    }
    expect(openedHex(createFormat('hex'), utf8('00ff00').subarray(2, 4))).toBe('ff');
  });
});

describe('sealing another ciphertext', () => {
  test.each<[string, FormatSpec, Uint8Array | string, string, string]>([
    ['padding stays missing', 'base64', 'Zg', '67', 'Zw'],
    ['padding stays missing, at another length', 'base64', 'Zg', '6767', 'Z2c'],
    ['padding that was not needed is added', 'base64', 'Zm9v', '67', 'Zw=='],
    ['padding of base64url stays', 'base64url', 'Zg==', '67', 'Zw=='],
    ['padding of base64url stays missing', 'base64url', 'Zm9v', '67', 'Zw'],
    ['the url alphabet stays', 'base64url', 'Zm9v', 'fbefff', '--__'],
    ['the last line break stays', 'base64', 'Zg==\r\n', '67', 'Zw==\r\n'],
    ['one line stays one line', 'base64', 'Zg==', long, line76 + rest],
    ['lines are broken at the same width', 'base64', 'Zm9v\nYg==', '666f6f6261726261', 'Zm9v\nYmFy\nYmE='],
    [
      'lines are broken in the same manner',
      'base64',
      `${line76}\r\n${rest}\r\n`,
      long,
      `${line76}\r\n${rest}\r\n`,
    ],
    ['a shorter one needs fewer lines', 'base64', `${line76}\n${rest}`, '66', 'Zg=='],
    ['upper case stays', 'hex', '00FF', 'abcd', 'ABCD'],
    ['lower case stays', 'hex', '00ff', 'abcd', 'abcd'],
    ['digits alone count as lower case', 'hex', '0011', 'abcd', 'abcd'],
    ['the prefix stays', { prefix: 'é:', format: 'hex' }, 'é:00', 'abcd', 'é:abcd'],
    [
      'text is written as it is',
      'text',
      'vault:v1:x',
      Buffer.from('vault:v2:y').toString('hex'),
      'vault:v2:y',
    ],
  ])('%s', (_name, spec, value, ciphertext, sealed) => {
    expect(sealedText(createFormat(spec), value, bytes(ciphertext))).toBe(sealed);
  });

  test('bytes that are no text do not get into a text value', () => {
    const binary = bytes('00ff80');
    expect(badFormatOf(() => createFormat('text').open(utf8('x')).seal([binary]))).toContain('base64');
    const inJson = createFormat({ json: '', format: 'raw' });
    expect(badFormatOf(() => inJson.open(utf8('"x"')).seal([binary]))).toContain('base64');
  });
});

describe('what must fail', () => {
  test.each<[FormatSpec, Uint8Array | string]>([
    ['raw', ''],
    ['text', ''],
    ['text', bytes('00ff80')],
    ['base64', ''],
    ['base64', '='],
    ['base64', '===='],
    ['base64', '\n'],
    ['base64', '\nZg=='],
    ['base64', '\r\nZg=='],
    ['base64', ' Zg=='],
    ['base64', 'Zg== '],
    ['base64', 'Z g=='],
    ['base64', 'Zg==\n\n'],
    ['base64', 'Zg==\r'],
    ['base64', 'Zg='],
    ['base64', 'Zg==='],
    ['base64', 'Zm8=='],
    ['base64', 'Z'],
    ['base64', 'Zm9vY'],
    ['base64', 'Zh=='], // bits behind the last byte
    ['base64', 'Zh'],
    ['base64', 'Zg==Zg=='],
    ['base64', 'Zm\n9vYmFy'], // a short first line
    ['base64', 'Zm9v\nYm\nFy'],
    ['base64', 'Zm9v\nYmFy\r\nZg=='],
    ['base64', '--__'], // the other alphabet
    ['base64', 'Zm9v\u0000'],
    ['base64', 'Zm9vé'],
    ['base64', bytes('5a6d39f6')],
    ['base64', '"Zm9v"'],
    ['base64url', '++//'],
    ['base64url', 'Zh'],
    ['base64url', 'Zg='],
    ['hex', ''],
    ['hex', '0'],
    ['hex', '000'],
    ['hex', 'fF'],
    ['hex', '0g'],
    ['hex', '00 '],
    ['hex', '\\x00'],
    ['hex', '00é'],
    [{ prefix: 'kms:', format: 'base64' }, 'Zg=='],
    [{ prefix: 'kms:', format: 'base64' }, 'kms'],
    [{ prefix: 'kms:', format: 'base64' }, 'kms:'],
    [{ prefix: 'kms:', format: 'base64' }, 'KMS:Zg=='],
    [{ prefix: 'kms:', format: 'base64' }, ' kms:Zg=='],
    [{ prefix: 'kms:', format: 'raw' }, 'kms:'],
  ])('%j does not take %j', (spec, value) => {
    badFormatOf(() => createFormat(spec).open(asBytes(value)));
  });

  test('the message says what was expected, and nothing of the value', () => {
    for (const spec of ['base64', 'base64url', 'hex', { prefix: 'kms:', format: 'hex' }] as const) {
      const message = badFormatOf(() => createFormat(spec).open(utf8('canary!')));
      expect(message).toMatch(
        /^the stored value is not (base64|base64url|hex in one case|text that begins with "kms:"); /,
      );
      expect(message).not.toContain('canary');
    }
  });
});
