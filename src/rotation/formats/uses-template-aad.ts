import type { FormatSpec, SingleFormat } from './format.ts';

/**
 * Whether any value of this format may be bound to the AAD of the templates: false where all of it is Tink's.
 */
export function usesTemplateAad(spec: FormatSpec): boolean {
  return [spec].flat().some((format) => innermost(format) !== 'tink');
}

function innermost(spec: SingleFormat): SingleFormat {
  return typeof spec === 'string' ? spec : innermost(spec.format);
}
