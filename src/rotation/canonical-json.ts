import { Fault } from './faults.ts';

/**
 * The one way to write a JSON value (RFC 8785): no white space, members in the order of their names' UTF-16
 * code units, numbers and strings as ECMAScript's own `JSON.stringify` writes them. Throws a usage `Fault`
 * NOT_CANONICAL for what has no such form: half a surrogate pair, a number that is not finite, anything that
 * is not JSON.
 */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value)
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([name, member]) => `${canonicalJson(name)}:${canonicalJson(member)}`);
    return `{${members.join(',')}}`;
  }
  if (!isCanonicalScalar(value)) {
    throw new Fault('usage', 'NOT_CANONICAL', 'a value has no canonical form in JSON (RFC 8785)');
  }
  return JSON.stringify(value);
}

function isCanonicalScalar(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
      return !/\p{Surrogate}/u.test(value);
    case 'number':
      return Number.isFinite(value);
    case 'boolean':
      return true;
    default:
      return value === null;
  }
}
