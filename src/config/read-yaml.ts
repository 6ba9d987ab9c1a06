import { LineCounter, parseDocument, type YAMLError } from 'yaml';

// The parser's own messages quote the source, which may be a secret.
const reasons: Partial<Record<YAMLError['code'], string>> = {
  BAD_ALIAS: 'a bad anchor or alias; quote a value that begins with & or *',
  BAD_DQ_ESCAPE: 'an unknown escape in double quotes; use single quotes',
  BAD_INDENT: 'bad indentation; align it with its neighbours',
  BAD_SCALAR_START: 'a value begins with a reserved character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second ": " in one line; put the value in quotes',
  DUPLICATE_KEY: 'this key is there twice; keep one',
  MISSING_CHAR: 'a colon, comma, bracket or closing quote is missing; add it',
  MULTIPLE_DOCS: 'a second document begins; keep one',
  NON_STRING_KEY: 'a key is not text; put it in quotes',
  TAB_AS_INDENT: 'a tab in the indentation; use spaces',
  TAG_RESOLVE_FAILED: 'a tag (!…) that is not known; put the value in quotes',
};
const unknownReason = 'not valid YAML here; check quotes, brackets and indentation';
const placeholderReason = 'not valid YAML here; inside { } and [ ] put a placeholder in quotes: "${VAR}"';

/**
 * What the text says, or what is wrong with it:
 * a line of `file:line:column: reason` each, without the source.
 */
export function readYaml(text: string, file: string): { document: unknown } | { problems: string[] } {
  const lineCounter = new LineCounter();
  const parsed = parseDocument(text, { lineCounter, prettyErrors: false, stringKeys: true });
  const lines = text.split('\n');

  const errors = [...parsed.errors, ...parsed.warnings];
  // One error makes many more behind it, but keys that are there twice stand each for itself.
  const firstOther = errors.find(({ code }) => code !== 'DUPLICATE_KEY');
  const told = errors.filter((error) => error.code === 'DUPLICATE_KEY' || error === firstOther);
  if (told.length > 0) return { problems: told.map(describe) };

  try {
    const document: unknown = parsed.toJS();
    // Throws on an alias inside its own anchor, which has no end.
    JSON.stringify(document);
    return { document };
  } catch {
    return {
      problems: [`${file}: an alias (*name) has no anchor before it, or lies inside it; quote the value`],
    };
  }

  function describe({ code, pos }: YAMLError): string {
    const { line, col } = lineCounter.linePos(pos[0]);
    const general = /[{[].*\$\{/.test(lines[line - 1] ?? '') ? placeholderReason : unknownReason;
    return `${file}:${line}:${col}: ${reasons[code] ?? general}`;
  }
}
