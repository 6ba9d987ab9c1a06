import { appendFileSync } from 'node:fs';

/** What a figure must reach. */
export interface Bound {
  readonly atLeast?: number;
  readonly atMost?: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The median of what each round gives: what slows a machine down slows both down. */
export function medianRatio(of: readonly number[], to: readonly number[]): number {
  return median(of.map((value, round) => value / (to[round] ?? NaN)));
}

/** Prints a figure, the median of its rounds, and keeps it as a line of JSON in the file `BENCH_OUT`. */
export function keepFigure(name: string, unit: string, rounds: readonly number[], bound: Bound = {}): void {
  const line = JSON.stringify({ name, unit, value: median(rounds), rounds, ...bound });
  process.stdout.write(`${line}\n`);
  const file = process.env['BENCH_OUT'];
  if (file !== undefined) appendFileSync(file, `${line}\n`);
}
