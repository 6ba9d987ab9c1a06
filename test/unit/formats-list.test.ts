import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
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
    expect(openedHex(createFormat(['hex', { prefix: '01', format: 'hex' }]), '0123')).toBe('0123');
    expect(openedHex(createFormat([{ prefix: '01', format: 'hex' }, 'hex']), '0123')).toBe('23');
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
