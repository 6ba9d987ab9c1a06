import { request } from 'undici';
import { z } from 'zod';

const matrix = z.object({
  status: z.literal('success'),
  data: z.object({
    result: z.array(
      z.object({
        metric: z.record(z.string(), z.string()),
        values: z.array(z.tuple([z.number(), z.string()])),
      }),
    ),
  }),
});

/** One series of an answer: its labels, and its values by time in seconds. */
export interface QueriedSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [time: number, value: string])[];
}

/** Asks a Prometheus for a range, a value a second; throws what it says where the query is wrong. */
export async function queryRange(
  prometheus: string,
  query: string,
  range: { readonly start: number; readonly end: number },
): Promise<QueriedSeries[]> {
  const parameters = new URLSearchParams({
    query,
    start: String(range.start),
    end: String(range.end),
    step: '1',
  });
  const { statusCode, body } = await request(`${prometheus}/api/v1/query_range?${parameters.toString()}`);
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${query}: ${text}`);
  return matrix.parse(JSON.parse(text)).data.result;
}
