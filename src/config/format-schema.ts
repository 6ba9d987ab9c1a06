import { z } from 'zod';
import { type FormatSpec, plainFormats } from '../rotation/formats/format.ts';
import { jsonPointerSyntax } from '../rotation/formats/json-pointer.ts';
import { text } from './scalars.ts';

const advice = `use ${plainFormats.join(', ')}, { json: /pointer, format: … } or { prefix: "…", format: … }`;

const plainFormat = z.enum(plainFormats, { error: formatProblem });

const wrappedFormat = z
  .strictObject({
    json: z
      .string()
      .regex(jsonPointerSyntax, 'is no JSON pointer; write for example /secret, or "" for the whole document')
      .optional()
      .describe('JSON pointer (RFC 6901) to the string that holds the ciphertext'),
    prefix: text.optional().describe('Text before the ciphertext'),
    format: plainFormat.describe('Format of the ciphertext inside'),
  })
  .meta({ oneOf: [{ required: ['json'] }, { required: ['prefix'] }] })
  .transform(({ json, prefix, format }, context): FormatSpec => {
    if (json !== undefined && prefix === undefined) return { json, format };
    if (prefix !== undefined && json === undefined) return { prefix, format };
    context.addIssue('needs exactly one of json and prefix beside format');
    return z.NEVER;
  });

export const formatSchema = z
  .union([plainFormat, wrappedFormat], { error: formatProblem })
  .describe('How the ciphertext lies in a value');

function formatProblem({ input }: { readonly input?: unknown }): string | undefined {
  if (input === undefined) return undefined;
  if (Array.isArray(input)) return `a list of formats is not available in this version; ${advice}`;
  const planned = ['tink', 'envelope'].find((format) => format === input);
  return planned === undefined
    ? `is no format; ${advice}`
    : `${planned} is not available in this version; ${advice}`;
}
