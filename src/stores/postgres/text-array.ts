/**
 * PostgreSQL's text of a `text[]` without NULLs. What node-postgres makes of an array looks at each element twice, and
 * each record passes here several times.
 */
export function writeTextArray(texts: readonly string[]): string {
  if (texts.length === 0) return '{}';
  const written = texts.some((text) => special.test(text)) ? texts.map(escape) : texts;
  return `{"${written.join('","')}"}`;
}

/** What a quoted element escapes. */
const special = /["\\]/;

function escape(text: string): string {
  return text.replace(/["\\]/g, '\\$&');
}
