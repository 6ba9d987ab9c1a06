import { z } from 'zod';

const word = z.string().regex(/^\w{1,64}$/);
const errorShape = z.object({
  name: word.catch('an error'),
  code: word.optional().catch(undefined),
  cause: z.object({ code: word }).optional().catch(undefined),
  message: z.string().catch(''),
  stack: z.string().catch(''),
});

/** An error's name, code and place in the code: all of it that holds no value. */
export function describeError(error: unknown): string {
  const shape = errorShape.safeParse(error).data;
  if (shape === undefined) return `a thrown ${error === null ? 'null' : typeof error}`;
  const { name, message, stack } = shape;
  const code = shape.code ?? shape.cause?.code;
  // The message stands at the stack's head; what follows are frames.
  const frames = stack.slice(Math.max(0, stack.indexOf(message)) + message.length);
  const place = /^ +at .*?([\w.-]+\.[cm]?[jt]s:\d+:\d+)\)?$/m.exec(frames)?.[1];
  return `${name}${code === undefined ? '' : ` (${code})`}${place === undefined ? '' : ` at ${place}`}`;
}
