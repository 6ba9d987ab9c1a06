/** A zod schema, or what takes its place where one costs too much: no `data` where the JSON does not fit. */
export interface ReplySchema<T> {
  safeParse(json: unknown): { readonly data?: T | undefined };
}

/**
 * The body of a reply as its schema says, or null if it is no JSON or another shape. The parser's error is
 * dropped: it quotes the body, which may hold a secret.
 */
export function parseJsonBody<T>(schema: ReplySchema<T>, body: string): T | null {
  try {
    return schema.safeParse(JSON.parse(body)).data ?? null;
  } catch {
    return null;
  }
}
