import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import type { PlainFormat } from '../../src/rotation/formats/format.ts';
import { badFormatOf, openedHex, sealedText, theCiphertext, utf8 } from '../support/bytes.ts';

const inJson = (json: string | string[], format: PlainFormat = 'base64') => createFormat({ json, format });
const sealed = Buffer.from('67', 'hex'); // Zw==

describe('a string in JSON', () => {
  // The document and the pointers of RFC 6901 §5, with strings for numbers.
  const rfc6901 =
    '{"foo":["Zg==","Zm8="],"":"AA==","a/b":"AQ==","c%d":"Ag==","e^f":"Aw==","g|h":"BA==","i\\\\j":"BQ==","k\\"l":"Bg=="," ":"Bw==","m~n":"CA=="}';
  test.each([
    ['/foo/0', '66'],
    ['/foo/1', '666f'],
    ['/', '00'],
    ['/a~1b', '01'],
    ['/c%d', '02'],
    ['/e^f', '03'],
    ['/g|h', '04'],
    ['/i\\j', '05'],
    ['/k"l', '06'],
    ['/ ', '07'],
    ['/m~0n', '08'],
  ])('is found at %s', (pointer, ciphertext) => {
    expect(openedHex(inJson(pointer), rfc6901)).toBe(ciphertext);
  });

  test.each([
    ['', '"Zg=="', '"Zw=="'],
    ['', ' "Zg=="\n', ' "Zw=="\n'],
    [
      '/a',
      '{ "b" : 1.0e2,\t"a":"Zg==" , "c":"\\u00e9"}\r\n',
      '{ "b" : 1.0e2,\t"a":"Zw==" , "c":"\\u00e9"}\r\n',
    ],
    ['/é/1/x', '{"é":["日本🔑",{"x":"Zg=="}]}', '{"é":["日本🔑",{"x":"Zw=="}]}'],
    ['/a', '{"\\u0061":"Zg=="}', '{"\\u0061":"Zw=="}'],
    ['/a', '{"a":"\\u005ag=="}', '{"a":"Zw=="}'],
    ['/~01', '{"~1":"Zg==","/":"AA=="}', '{"~1":"Zw==","/":"AA=="}'],
    ['/0', '{"0":"Zg=="}', '{"0":"Zw=="}'],
    ['/__proto__', '{"__proto__":"Zg=="}', '{"__proto__":"Zw=="}'],
  ])('alone is replaced: %j in %j', (pointer, document, expected) => {
    expect(sealedText(inJson(pointer), document, sealed)).toBe(expected);
  });

  test('is written with the escapes that JSON needs', () => {
    expect(sealedText(inJson('/a', 'text'), '{"a":"x"}', utf8('"\\\n\u0001é'))).toBe(
      '{"a":"\\"\\\\\\n\\u0001é"}',
    );
  });

  test.each(['{"a":"++\\/\\/"}', '{"a":"\\u002b\\u002B//"}'])(
    'keeps its own spelling as long as its text is the same: %s',
    (document) => {
      const opened = inJson('/a').open(utf8(document));
      expect(theCiphertext(opened).toString('hex')).toBe('fbefff');
      expect(Buffer.from(opened.seal(opened.ciphertexts)).toString()).toBe(document);
    },
  );

  test('keeps what is around it in the inner format too', () => {
    expect(sealedText(inJson('/a', 'hex'), '{"a":"00FF"}', Buffer.from('abcd', 'hex'))).toBe('{"a":"ABCD"}');
    expect(sealedText(inJson('/a'), '{"a":"Zg"}', sealed)).toBe('{"a":"Zw"}');
  });

  test('a repeated member elsewhere does no harm', () => {
    expect(sealedText(inJson('/a'), '{"b":1,"b":2,"a":"Zg=="}', sealed)).toBe('{"b":1,"b":2,"a":"Zw=="}');
  });
});

describe('strings at several pointers', () => {
  const format = inJson(['/b', '/a/0']);
  const document = '{ "a": ["Zg=="], "x":"\\u00e9", "b":"\\u005aw==" }';
  const hexOf = (ciphertexts: readonly Uint8Array[]): string[] =>
    ciphertexts.map((bytes) => Buffer.from(bytes).toString('hex'));

  test('come in the order of the pointers, wherever they stand', () => {
    expect(hexOf(format.open(utf8(document)).ciphertexts)).toEqual(['67', '66']);
    expect(hexOf(inJson(['/a/0', '/b']).open(utf8(document)).ciphertexts)).toEqual(['66', '67']);
  });

  test('are replaced each by its own, and one that stays keeps its spelling', () => {
    const { seal, ciphertexts } = format.open(utf8(document));
    const [own = sealed] = ciphertexts;
    const seen = (...others: Uint8Array[]): string => Buffer.from(seal(others)).toString();
    expect(seen(utf8('1'), utf8('long'))).toBe('{ "a": ["bG9uZw=="], "x":"\\u00e9", "b":"MQ==" }');
    expect(seen(own, utf8('2'))).toBe('{ "a": ["Mg=="], "x":"\\u00e9", "b":"\\u005aw==" }');
    expect(seen(...ciphertexts)).toBe(document);
  });

  test('two envelopes are no one envelope, one alone is', () => {
    const text = Buffer.concat([Buffer.from('0000000101', 'hex'), Buffer.alloc(28)]).toString('base64');
    const spec = { encoding: 'base64', format: 'envelope' } as const;
    const value = utf8(JSON.stringify({ a: text, b: text }));
    expect(createFormat({ json: ['/a', '/b'], format: spec }).open(value).envelope).toBeNull();
    expect(createFormat({ json: ['/b'], format: spec }).open(value).envelope?.payload).toHaveLength(16);
  });

  test.each([
    ['one of them is not there', '{"b":"Zw==","a":[]}'],
    ['one of them is null', '{"b":null,"a":["Zg=="]}'],
    ['one of them is empty', '{"b":"","a":["Zg=="]}'],
    ['one of them is not of the inner format', '{"b":"canary!","a":["Zg=="]}'],
    ['one of them is there twice', '{"b":"Zw==","a":["Zg=="],"b":"Zw=="}'],
    ['one of them holds half a surrogate pair', '{"b":"\\udfff","a":["Zg=="]}'],
  ])('%s: BAD_FORMAT for all', (_name, text) => {
    expect(badFormatOf(() => format.open(utf8(text)))).not.toContain('canary');
  });
});

describe('JSON in a string of JSON', () => {
  const nested = createFormat({ json: '/doc', format: { json: '/ssn', format: 'base64' } });

  test('is written as it was, one level down too', () => {
    expect(sealedText(nested, '{"doc":"{ \\"ssn\\" : \\"Zg\\" }"}', sealed)).toBe(
      '{"doc":"{ \\"ssn\\" : \\"Zw\\" }"}',
    );
  });

  test.each(['{"doc":{"ssn":"Zg=="}}', '{"doc":"{}"}', '{"doc":"{"}'])('%s is BAD_FORMAT', (document) => {
    badFormatOf(() => nested.open(utf8(document)));
  });
});

describe('what must fail', () => {
  const deep = '['.repeat(100_000) + ']'.repeat(100_000);
  test.each<[string, string, string | Uint8Array]>([
    ['empty', '', ''],
    ['not JSON', '', 'canary'],
    ['a comment', '/a', '{"a":"Zg=="} // canary'],
    ['a trailing comma', '/a', '{"a":"Zg==",}'],
    ['single quotes', '/a', "{'a':'Zg=='}"],
    ['two documents', '', '"Zg==" "Zg=="'],
    ['a byte order mark', '', '\ufeff"Zg=="'],
    ['a bare control character', '/a', '{"a":"Zg==","b":"\n"}'],
    ['not UTF-8', '', Buffer.from('225a67fff622', 'hex')],
    ['nested beyond reason', '/a', deep],
    ['no such member', '/b', '{"a":"Zg=="}'],
    ['a member of the prototype', '/toString', '{}'],
    ['no such index', '/1', '["Zg=="]'],
    ['an index with a leading zero', '/00', '["Zg=="]'],
    ['the index behind the last', '/-', '["Zg=="]'],
    ['an index of an object', '/0', '{"a":"Zg=="}'],
    ['a member of a string', '/a/length', '{"a":"Zg=="}'],
    ['a number', '/a', '{"a":1}'],
    ['null', '/a', '{"a":null}'],
    ['an object', '/a', '{"a":{"a":"Zg=="}}'],
    ['the whole document is no string', '', '{"a":"Zg=="}'],
    ['an empty string', '/a', '{"a":""}'],
    ['not of the inner format', '/a', '{"a":"canary!"}'],
    ['a repeated member, of which readers take one or the other', '/a', '{"a":"Zg==","a":"Zg=="}'],
    ['a repeated member on the way', '/a/b', '{"a":{"b":"Zg=="},"a":{"b":"Zg=="}}'],
    ['a repeated member in another spelling', '/a', '{"a":"Zg==","\\u0061":"Zg=="}'],
  ])('%s', (_name, pointer, document) => {
    const value = typeof document === 'string' ? utf8(document) : document;
    expect(badFormatOf(() => inJson(pointer).open(value))).not.toContain('canary');
  });

  test('half a surrogate pair, which has no UTF-8', () => {
    badFormatOf(() => inJson('/a', 'text').open(utf8('{"a":"x\\ud800"}')));
    badFormatOf(() => inJson('/a', 'text').open(utf8('{"a":"\\udc00\\ud800"}')));
  });

  test('a NUL before, behind or among the document', () => {
    for (const document of ['\u0000"Zg=="', '"Zg=="\u0000', '"Zg==\u0000"', '"Zg==\\u0000"']) {
      badFormatOf(() => inJson('').open(utf8(document)));
    }
  });
});
