import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import { encodings, type FormatSpec, plainFormats, type SingleFormat } from '../rotation/formats/format.ts';
import { formatSpecProblem } from '../rotation/formats/format-spec-problem.ts';
import { jsonPointerSyntax } from '../rotation/formats/json-pointer.ts';
import { text } from './scalars.ts';

const wraps = '{ json: /pointer, format: … }, { prefix: "…", format: … } or { encoding: base64, format: … }';
const expected = `use ${plainFormats.join(', ')}, ${wraps}`;
const nearDistance = 2;

const plainFormat = z.enum(plainFormats);

const noPointer = 'is no JSON pointer; write for example /secret, or "" for the whole document';
const jsonPointer = z.string().regex(jsonPointerSyntax, noPointer);

const wrappedFormat = z
  .strictObject({
    json: z
      .union([jsonPointer, z.array(jsonPointer).min(1)], { error: noPointer })
      .optional()
      .describe('JSON pointer (RFC 6901) to the string that holds the ciphertext, or a list of them'),
    prefix: text.optional().describe('Text before the ciphertext'),
    encoding: z.enum(encodings).optional().describe('Bytes of the format inside are written as this text'),
    get format() {
      return singleFormat.describe('Format of what is inside');
    },
  })
  .meta({
    id: 'nestedFormat',
    oneOf: [{ required: ['json'] }, { required: ['prefix'] }, { required: ['encoding'] }],
  })
  .transform(({ json, prefix, encoding, format }, context): SingleFormat => {
    const given = [json, prefix, encoding].filter((setting) => setting !== undefined);
    if (given.length === 1) {
      if (json !== undefined) return { json, format };
      if (prefix !== undefined) return { prefix, format };
      if (encoding !== undefined) return { encoding, format };
    }
    context.addIssue('needs exactly one of json, prefix and encoding beside format; keep one');
    return z.NEVER;
  });

const singleFormat: z.ZodType<SingleFormat> = z.lazy(() =>
  z.union([plainFormat, wrappedFormat], { error: ({ input }) => describeProblem(input, expected) }),
);

export const formatSchema = z
  .union([plainFormat, wrappedFormat, z.array(singleFormat).min(1)], {
    error: ({ input }) => describeProblem(input, `${expected}, or a list of these`),
  })
  .superRefine((spec: FormatSpec, context) => {
    const problem = formatSpecProblem(spec);
    if (problem !== null) context.addIssue(problem);
  })
  .describe('How the ciphertext lies in a value; of a list, the first that opens the value');

/** Undefined where nothing stands, which is said in the words for all settings. */
function describeProblem(input: unknown, expected: string): string | undefined {
  if (input === undefined) return undefined;
  if (Array.isArray(input)) {
    return 'is a list inside a format; a list stands at the top alone, of whole formats';
  }
  if (typeof input === 'string') {
    const name = input.toLowerCase();
    const nearest = closest(name, [...plainFormats]);
    if (distance(name, nearest) <= nearDistance) return `is no format; did you mean ${nearest}?`;
  }
  return `is no format; ${expected}`;
}
