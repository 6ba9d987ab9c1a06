import type { z } from 'zod';
import { configJsonSchema } from './json-schema.ts';

type JsonSchema = z.core.JSONSchema._JSONSchema;

/** A place in the config that may hold a value. */
export interface Setting {
  readonly path: readonly string[];
  /** JSON Schema's names of what may stand there: string, number, integer, boolean, array, object. */
  readonly types: ReadonlySet<string>;
}

const root = configJsonSchema();

/**
 * Every setting there is, groups included, by its dotted path: read off the schema, so that there is one
 * list. Of a format in a format the first level alone is a setting: there is no end to them.
 */
export const settings: ReadonlyMap<string, Setting> = collectSettings();

/** The names that may stand in the group at `path`, at any depth and in lists too. */
export function namesIn(path: readonly PropertyKey[]): string[] {
  const groups = path.reduce<JsonSchema[]>(
    (parents, step) => parents.flatMap((parent) => childrenAt(parent, step)),
    alternatives(root),
  );
  return groups.flatMap((group) => Object.keys(propertiesOf(group)));
}

function collectSettings(): Map<string, Setting> {
  const found = new Map<string, Setting>();
  collect(root, [], new Set());
  return found;

  function collect(schema: JsonSchema, path: readonly string[], within: ReadonlySet<JsonSchema>): void {
    for (const alternative of alternatives(schema)) {
      if (typeof alternative === 'boolean' || within.has(alternative)) continue;
      if (alternative.type !== undefined && path.length > 0) {
        const types = found.get(path.join('.'))?.types ?? [];
        found.set(path.join('.'), { path, types: new Set([...types, alternative.type].flat()) });
      }
      for (const [name, child] of Object.entries(propertiesOf(alternative))) {
        collect(child, [...path, name], new Set(within).add(alternative));
      }
    }
  }
}

function childrenAt(schema: JsonSchema, step: PropertyKey): JsonSchema[] {
  const child = typeof step === 'number' ? itemsOf(schema) : propertiesOf(schema)[String(step)];
  return child === undefined ? [] : alternatives(child);
}

/** What a schema stands for: itself, and whatever its `anyOf`, its `oneOf` and its reference lead to. */
function alternatives(schema: JsonSchema): JsonSchema[] {
  if (typeof schema === 'boolean') return [schema];
  const referred = schema.$ref === undefined ? undefined : root.$defs?.[schema.$ref.replace('#/$defs/', '')];
  const others = [
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
    ...(referred === undefined ? [] : [referred]),
  ];
  return [schema, ...others.flatMap(alternatives)];
}

function propertiesOf(schema: JsonSchema): Readonly<Record<string, JsonSchema>> {
  return (typeof schema === 'boolean' ? undefined : schema.properties) ?? {};
}

function itemsOf(schema: JsonSchema): JsonSchema | undefined {
  return typeof schema === 'boolean' || Array.isArray(schema.items) ? undefined : schema.items;
}
