/** A JSON pointer, RFC 6901 §3. The empty one is the whole document. */
export const jsonPointerSyntax = /^(?:\/(?:[^~/]|~[01])*)*$/;

/** The member names and indexes of a pointer, unescaped (RFC 6901 §4). */
export function parseJsonPointer(pointer: string): string[] {
  // ~1 first, so that ~01 becomes ~1 and not /.
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}
