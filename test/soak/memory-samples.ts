/** Resident memory of the workers, and what the broker uses, in MB, when so many records were done. */
export interface Sample {
  readonly seconds: number;
  readonly done: number;
  readonly worker1: number;
  readonly worker2: number;
  readonly broker: number;
}

/** Least squares; `perRun` is what y gains as x goes from 0 to 1. */
export function fitSlope(points: readonly { x: number; y: number }[]): { perRun: number; mean: number } {
  const meanOf = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, mean] = [meanOf(points.map(({ x }) => x)), meanOf(points.map(({ y }) => y))];
  const covariance = meanOf(points.map(({ x, y }) => (x - meanX) * (y - mean)));
  const variance = meanOf(points.map(({ x }) => (x - meanX) ** 2));
  return { perRun: covariance / variance, mean };
}

/** One line for each tenth of the records. */
export function printTable(samples: readonly Sample[], records: number, seconds: number): void {
  const lines = ['      done   seconds   records/s   worker 1   worker 2   broker (MB)'];
  let before = { done: 0, seconds: 0 };
  for (let tenth = 1; tenth <= 10; tenth += 1) {
    const sample = samples.find(({ done }) => done >= (records * tenth) / 10) ?? samples.at(-1);
    if (sample === undefined || sample.done <= before.done) continue;
    const rate = (sample.done - before.done) / (sample.seconds - before.seconds);
    const cells: [number, number, number][] = [
      [sample.done, 10, 0],
      [sample.seconds, 10, 0],
      [rate, 12, 0],
      [sample.worker1, 11, 1],
      [sample.worker2, 11, 1],
      [sample.broker, 9, 1],
    ];
    lines.push(cells.map(([value, width, digits]) => value.toFixed(digits).padStart(width)).join(''));
    before = sample;
  }
  process.stdout.write(`${lines.join('\n')}\n${records} records in ${seconds.toFixed(0)} s\n`);
}
