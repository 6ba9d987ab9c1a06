import type { SingleFormat } from './format.ts';

/** A format in the config's words, as YAML on one line: `{ json: /ssn, format: base64 }`. */
export function describeFormat(spec: SingleFormat): string {
  if (typeof spec === 'string') return spec;
  const { format, ...setting } = spec;
  const words = Object.entries(setting).map(([name, value]) => `${name}: ${describeValue(value)}`);
  return `{ ${words.join(', ')}, format: ${describeFormat(format)} }`;
}

function describeValue(value: string | readonly string[]): string {
  if (typeof value !== 'string') return `[${value.map(describeValue).join(', ')}]`;
  return /^[\w/][\w/~.-]*$/.test(value) ? value : JSON.stringify(value);
}
