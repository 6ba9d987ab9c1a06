import { isRecord } from './is-record.ts';
import { settings } from './settings.ts';

const numeral = /^-?\d+(?:\.\d+)?$/;

/**
 * Placeholders and environment variables are text: where the schema wants a number or a boolean, text that is
 * one becomes one. The rest stays for the schema to refuse.
 */
export function coerceScalars(node: unknown, path: readonly string[] = []): unknown {
  if (isRecord(node)) {
    return Object.fromEntries(
      Object.entries(node).map(([name, value]) => [name, coerceScalars(value, [...path, name])]),
    );
  }
  const types = settings.get(path.join('.'))?.types;
  if (typeof node !== 'string' || types === undefined) return node;
  if ((types.has('number') || types.has('integer')) && numeral.test(node)) return Number(node);
  if (types.has('boolean') && (node === 'true' || node === 'false')) return node === 'true';
  return node;
}
