/** Share of the full size, so that a look takes seconds: `BENCH_SCALE=0.1`. */
const scale = Number(process.env['BENCH_SCALE'] ?? '1');

export const rounds = Number(process.env['BENCH_ROUNDS'] ?? '5');
/** Of one benchmark, ms. */
export const timeout = 3_600_000;

export function scaled(records: number): number {
  return Math.round(records * scale);
}
