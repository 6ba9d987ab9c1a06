import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import type { SingleFormat } from '../../src/rotation/formats/format.ts';
import { badFormatOf, openedHex, sealedText, utf8 } from '../support/bytes.ts';

const tink = Buffer.from('00000003aabbccff00', 'hex');

describe('a list of formats', () => {
  const format = createFormat([
    { prefix: 'v2:', format: 'base64' },
    { json: '/ssn', format: { encoding: 'base64', format: 'tink' } },
    'hex',
    'base64',
    'tink',
  ]);

  test.each([
    ['v2:Zg==', '66', 'v2:Zw=='],
    [`{"ssn":"${tink.toString('base64')}"}`, 'aabbcc', '{"ssn":"AAAAAWf/AA=="}'],
    ['00FF', '00ff', '67'],
    ['Zg', '66', 'Zw'],
    [tink, 'aabbcc', '\u0000\u0000\u0000\u0001g\ufffd\u0000'],
  ])('%j opens by the format that it has, and stays in it', (value, ciphertext, sealed) => {
    expect(openedHex(format, value)).toBe(ciphertext);
    expect(sealedText(format, value, Buffer.from('67', 'hex'))).toBe(sealed);
  });

  test('gives each value the AAD of its own format', () => {
    expect(format.open(tink).aad).toBe('none');
    expect(format.open(utf8('v2:Zg==')).aad).toBe('template');
  });

  test('of a value that fits two, the first has it', () => {
    expect(openedHex(createFormat(['hex', 'base64']), '0123')).toBe('0123');
    expect(openedHex(createFormat(['base64', 'hex']), '0123')).toBe('d35db7');
    expect(openedHex(createFormat(['base64', 'base64url']), 'Zg')).toBe('66');
    expect(openedHex(createFormat(['hex', { prefix: '01', format: 'hex' }]), '0123')).toBe('0123');
    expect(openedHex(createFormat([{ prefix: '01', format: 'hex' }, 'hex']), '0123')).toBe('23');
  });

  describe('in which bare ciphertexts stand beside envelopes', () => {
    // As Yandex KMS begins them: u32be 1, u32be 20, the version's id.
    const bare = Buffer.concat([Buffer.from('0000000100000014', 'hex'), Buffer.from('abj1'.repeat(30))]);
    const wrapped = Buffer.concat([Buffer.from('00000010', 'hex'), Buffer.alloc(16, 1), Buffer.alloc(28, 2)]);
    const prefixed = Buffer.concat([Buffer.from('0100000007', 'hex'), wrapped]);

    test.each<[SingleFormat, SingleFormat, string]>([
      ['tink', 'raw', 'any'],
      ['envelope', 'raw', 'any'],
      [{ encoding: 'base64', format: 'tink' }, 'base64', 'Zg=='],
      [{ prefix: 'x', format: 'tink' }, { prefix: 'x', format: 'raw' }, 'x-'],
    ])('%j takes no bare ciphertext from %j', (format, bareFormat, anyBare) => {
      const list = createFormat([format, bareFormat]);
      const { seal } = createFormat(bareFormat).open(utf8(anyBare));
      expect(openedHex(list, seal([bare]))).toBe(bare.toString('hex'));
      expect(openedHex(list, seal([wrapped]))).toBe('01'.repeat(16));
    });

    test('an output prefix of Tink is seen there too', () => {
      expect(openedHex(createFormat(['tink', 'raw']), prefixed)).toBe('01'.repeat(16));
    });

    test('where nothing else would open it, a short key is a key', () => {
      expect(openedHex(createFormat(['tink', 'hex']), tink)).toBe('aabbcc');
    });
  });

  test('names all that it tried, in the words of the config, and nothing of the value', () => {
    const message = badFormatOf(() => format.open(utf8('canary!')));
    expect(message).toBe(
      'the stored value is not of any of the formats { prefix: "v2:", format: base64 }, ' +
        '{ json: /ssn, format: { encoding: base64, format: tink } }, hex, base64, tink; mend or exclude the record',
    );
  });

  test('of one format says what that format says', () => {
    expect(badFormatOf(() => createFormat(['hex']).open(utf8('canary!')))).toBe(
      badFormatOf(() => createFormat('hex').open(utf8('canary!'))),
    );
  });

  test('a new ciphertext that does not fit is the fault of the format that opened', () => {
    const texts = createFormat(['tink', 'text']);
    expect(badFormatOf(() => texts.open(utf8('x')).seal([Buffer.from('ff', 'hex')]))).toContain('not text');
    expect(badFormatOf(() => texts.open(tink).seal([Buffer.alloc(5000)]))).toContain('5000 bytes');
  });
});
