import type { z } from 'zod';

/**
 * The body of a reply as its schema says, or null if it is no JSON or another shape. The parser's error is
 * dropped: it quotes the body, which may hold a secret.
 */
export function parseJsonBody<T>(schema: z.ZodType<T>, body: string): T | null {
  try {
    return schema.safeParse(JSON.parse(body)).data ?? null;
  } catch {
    return null;
  }
}
