import { Buffer } from 'node:buffer';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import { describeFormat } from '../../src/rotation/formats/describe-format.ts';
import type { FormatSpec } from '../../src/rotation/formats/format.ts';
import { formatContract } from '../contract/format.ts';
import { asBytes } from '../support/bytes.ts';

type Values = readonly (string | Uint8Array)[];

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const tink = bytes('00000003aabbccff00');
const tinkPrefixed = Buffer.concat([bytes('0137fe7360'), tink]);
const envelope = Buffer.concat([bytes('00000003aabbcc'), Buffer.alloc(12, 1), Buffer.alloc(20, 2)]);
const emptyEnvelope = envelope.subarray(0, -4);

const cases: readonly [FormatSpec, values: Values, foreign: Values][] = [
  ['raw', [bytes('00'), bytes('00ff80'), 'text', tink], []],
  ['text', ['vault:v1:é', '\u0000', ' '], [bytes('00ff80'), bytes('c3')]],
  ['base64', ['Zg==', 'Zg', 'Zm9v\nYg==\n', 'Zm9v\r\nYg'], ['canary!', 'Zh==', '--__', tink]],
  ['base64url', ['--__', 'Zg', 'Zg=='], ['canary!', '++//']],
  ['hex', ['00ff', '00FF', '0123'], ['canary', 'fF', '000']],
  ['tink', [tink, tinkPrefixed, envelope], ['canary', bytes('00000003aabbcc'), bytes('0100')]],
  ['envelope', [envelope, emptyEnvelope], ['canary', tink, emptyEnvelope.subarray(0, -1), tinkPrefixed]],
  [
    { prefix: 'kms:', format: 'base64' },
    ['kms:Zg==', 'kms:Zg\n'],
    ['Zg==', 'kms:', 'kms:canary!', 'KMS:Zg=='],
  ],
  [{ prefix: 'é:', format: 'tink' }, [Buffer.concat([Buffer.from('é:'), tink])], [tink, 'é:canary']],
  [{ prefix: 'a', format: { prefix: 'b', format: 'hex' } }, ['ab00'], ['a00', 'b00', 'ba00', 'abcanary']],
  [
    { encoding: 'base64', format: 'tink' },
    [tink.toString('base64'), `${tinkPrefixed.toString('base64')}\n`],
    ['Zg==', 'canary!', tink],
  ],
  [
    { encoding: 'hex', format: 'envelope' },
    [envelope.toString('hex').toUpperCase()],
    [tink.toString('hex'), 'canary', envelope],
  ],
  [
    { encoding: 'base64url', format: { encoding: 'hex', format: 'raw' } },
    [Buffer.from('00ff').toString('base64url')],
    ['00ff', 'Zg'],
  ],
  [
    { json: '/a', format: 'base64' },
    ['{"a":"Zg=="}', ' { "b" : 1.0 , "a":"Zg" } '],
    ['{"b":"Zg=="}', '{"a":"canary!"}', 'canary', '{"a":"Zg==","a":"Zg=="}'],
  ],
  [
    { json: ['/b', '/a/0'], format: { prefix: 'kms:', format: 'base64' } },
    ['{"a":["kms:Zg=="],"b":"kms:Zw=="}', '{"b":"kms:\\u005aw==","c":"\\u00e9","a":["kms:Zg"]}'],
    ['{"b":"kms:Zw=="}', '{"a":["kms:Zg=="],"b":"canary"}', '{"a":["kms:Zg=="],"b":null}'],
  ],
  [
    { json: '/a', format: { encoding: 'base64', format: 'envelope' } },
    [`{"a":"${envelope.toString('base64')}"}`],
    [`{"a":"${tink.toString('base64')}"}`, envelope.toString('base64')],
  ],
  [
    { json: '/doc', format: { json: ['/x', '/y'], format: 'hex' } },
    [JSON.stringify({ doc: '{"y":"00","x":"FF"}' })],
    [JSON.stringify({ doc: '{"y":"00"}' }), JSON.stringify({ doc: { y: '00', x: 'FF' } })],
  ],
  [
    ['hex', 'base64'],
    ['00ff', 'Zg=='],
    ['canary!', '"'],
  ],
  [
    [{ prefix: 'kms:', format: 'base64' }, { json: '/a', format: 'hex' }, 'tink'],
    ['kms:Zg==', '{"a":"00"}', tink],
    ['canary', 'kms:canary!', '{"a":"canary"}'],
  ],
];

for (const [spec, values, foreign] of cases) {
  const name = [spec].flat().map(describeFormat).join(', ');
  formatContract(name, {
    format: createFormat(spec),
    values: values.map(asBytes),
    foreign: foreign.map(asBytes),
  });
}
