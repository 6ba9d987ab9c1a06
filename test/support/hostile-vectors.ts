import { readFileSync } from 'node:fs';
import type { z } from 'zod';

/** The vectors of a file in test/vectors/hostile, as `shape` has them. */
export function readHostile<T>(file: string, shape: z.ZodType<T>): T {
  return shape.parse(
    JSON.parse(readFileSync(new URL(`../vectors/hostile/${file}`, import.meta.url), 'utf8')),
  );
}
