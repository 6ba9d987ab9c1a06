import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { configJsonSchema } from '../../src/config/json-schema.ts';

// Loose, so that whatever else a node holds is walked too.
const node = z.looseObject({
  type: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  additionalProperties: z.unknown().optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  get oneOf() {
    return z.array(node).optional();
  },
});
const schema = node.parse(configJsonSchema());

/** Of a group that has several kinds, that of the first one that has the property. */
function propertyAt(path: string): z.output<typeof node> {
  return path.split('.').reduce((parent, name) => {
    const kinds = [parent, ...(parent.oneOf ?? [])];
    return node.parse(kinds.find(({ properties }) => properties?.[name] !== undefined)?.properties?.[name]);
  }, schema);
}

function objectsIn(value: unknown): z.output<typeof node>[] {
  if (Array.isArray(value)) return value.flatMap(objectsIn);
  if (typeof value !== 'object' || value === null) return [];
  const own = 'type' in value && value.type === 'object' ? [node.parse(value)] : [];
  return [...own, ...Object.values(value).flatMap(objectsIn)];
}

describe('JSON Schema', () => {
  test('names its draft, and what must be there', () => {
    expect(schema).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      required: ['rotation', 'kms', 'source', 'target', 'store', 'format'],
    });
  });

  test('no group takes unknown keys', () => {
    const objects = objectsIn(schema);
    expect(objects.length).toBeGreaterThan(10);
    expect(objects.filter((object) => object.additionalProperties !== false)).toEqual([]);
  });

  test.each([
    ['broker', 'embedded:.keyturn'],
    ['kms.endpoint', 'https://kms.yandex'],
    ['kms.timeout', '10s'],
    ['limits.rate', 500],
    ['limits.backlog', 200],
    ['retry.initial', '200ms'],
    ['metrics.port', 9464],
    ['log.level', 'info'],
  ])('%s shows its default, as one would write it', (path, value) => {
    expect(propertyAt(path).default).toBe(value);
  });

  test.each([
    'rotation',
    'kms.auth',
    'kms.auth.iamToken',
    'store.table',
    'target.versionId',
    'limits.maxFailures',
  ])('%s is described', (path) => {
    expect(propertyAt(path).description).toMatch(/\w/);
  });

  test('durations and the rate are shown as they are written in the file', () => {
    expect(propertyAt('kms.timeout').type).toBe('string');
    expect(propertyAt('limits.rate')['anyOf']).toMatchObject([{ type: 'number' }, { const: 'none' }]);
    expect(propertyAt('kms.auth')['oneOf']).toHaveLength(4);
  });
});
