import { Buffer } from 'node:buffer';
import { describe, expect, test } from 'vitest';
import { parseAadTemplate } from '../../src/rotation/aad-template.ts';

function render(template: string, fields: Record<string, string | null> = {}): string {
  return Buffer.from(parseAadTemplate(template).render(fields)).toString('utf8');
}

describe('AAD template', () => {
  test.each([
    ['', {}, ''],
    ['constant', {}, 'constant'],
    ['customer/{id}', { id: '7' }, 'customer/7'],
    ['{id}', { id: '' }, ''],
    ['{a}{b}-{a}', { a: '1', b: '2' }, '12-1'],
    ['{{"id":"{id}"}', { id: '7' }, '{"id":"7"}'],
    ['{{{id}}}', { id: '7' }, '{7}}'],
    ['{{id}}', { id: '7' }, '{id}}'],
    ['a}b', {}, 'a}b'],
    ['{id}}', { id: '7' }, '7}'],
    ['{Weird "column}', { 'Weird "column': 'x' }, 'x'],
    ['{a{b}', { 'a{b': 'x' }, 'x'],
    ['{id}', { id: '{other}' }, '{other}'],
    ['ключ/{id}', { id: 'é🔑' }, 'ключ/é🔑'],
  ])('%j over %j is %j', (template, fields, aad) => {
    expect(render(template, fields)).toBe(aad);
  });

  test('the AAD is UTF-8, not UTF-16 or Latin-1', () => {
    expect([...parseAadTemplate('é{x}').render({ x: '€' })]).toEqual([0xc3, 0xa9, 0xe2, 0x82, 0xac]);
  });

  test('each column is named once, for the store to read', () => {
    expect(parseAadTemplate('{b}/{a}/{b}{{c}}').fields).toEqual(['b', 'a']);
    expect(parseAadTemplate('{{a}}').fields).toEqual([]);
  });

  test('keeps its text, by which source and target are compared', () => {
    expect(parseAadTemplate('{{x}}/{id}').text).toBe('{{x}}/{id}');
  });

  test.each(['{}', 'a{', '{id', '{{{}', '{a}{'])('%j is refused before anything starts', (template) => {
    expect(() => parseAadTemplate(template)).toThrow(
      expect.objectContaining({ faultClass: 'usage', code: 'BAD_AAD_TEMPLATE' }),
    );
  });

  test('the message points at the brace', () => {
    expect(() => parseAadTemplate('ab{}')).toThrow('the { at character 3 names no column');
  });

  test('a NULL is the fault of its record, and the message names the column and no value', () => {
    const template = parseAadTemplate('{tenant}/{id}');
    expect(() => template.render({ tenant: 'canary', id: null })).toThrow(
      expect.objectContaining({
        faultClass: 'record',
        code: 'AAD_NULL',
        message: expect.stringMatching(/^column "id" is NULL(?!.*canary)/),
      }),
    );
  });

  test.each(['constructor', '__proto__', 'absent'])(
    'a column %s that was not read does not become AAD',
    (column) => {
      expect(() => parseAadTemplate(`{${column}}`).render({ id: '7' })).toThrow(
        expect.objectContaining({ code: 'AAD_NULL' }),
      );
    },
  );
});
