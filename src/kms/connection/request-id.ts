/**
 * An id of the server's for its support; undefined unless it looks like one: it comes from outside and goes
 * into logs.
 */
export function parseRequestId(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x21-\x7e]{1,128}$/.test(text) ? text : undefined;
}
