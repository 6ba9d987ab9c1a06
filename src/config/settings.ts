import type { z } from 'zod';
import { configJsonSchema } from './json-schema.ts';

/** A place in the config that may hold a value. */
export interface Setting {
  readonly path: readonly string[];
  /** JSON Schema's names of what may stand there: string, number, integer, boolean, array, object. */
  readonly types: ReadonlySet<string>;
}

/**
 * Every setting there is, groups included, by its dotted path:
 * read off the schema, so that there is one list.
 */
export const settings: ReadonlyMap<string, Setting> = collectSettings(configJsonSchema());

/** The names that may stand in the group at `path`. */
export function namesIn(path: string): string[] {
  return [...settings.values()]
    .filter((setting) => setting.path.slice(0, -1).join('.') === path)
    .map((setting) => setting.path.at(-1) ?? '');
}

function collectSettings(root: z.core.JSONSchema._JSONSchema): Map<string, Setting> {
  const found = new Map<string, Setting>();
  collect(root, []);
  return found;

  function collect(schema: z.core.JSONSchema._JSONSchema, path: readonly string[]): void {
    if (typeof schema === 'boolean') return;
    for (const branch of schema.anyOf ?? []) collect(branch, path);
    if (schema.type !== undefined && path.length > 0) {
      const types = found.get(path.join('.'))?.types ?? [];
      found.set(path.join('.'), { path, types: new Set([...types, schema.type].flat()) });
    }
    for (const [name, child] of Object.entries(schema.properties ?? {})) collect(child, [...path, name]);
  }
}
