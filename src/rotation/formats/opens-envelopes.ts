import type { FormatSpec } from './format.ts';

/** Whether every value of the format is an envelope with one data key, so that it can be replaced. */
export function opensEnvelopes(spec: FormatSpec): boolean {
  if (typeof spec === 'string') return spec === 'envelope';
  if (Array.isArray(spec)) return spec.every(opensEnvelopes);
  if (!('format' in spec)) return false;
  const isOnePlace = !('json' in spec) || typeof spec.json === 'string';
  return isOnePlace && opensEnvelopes(spec.format);
}
