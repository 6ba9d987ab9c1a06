import { onTestFinished, test } from 'vitest';
import { freshRedis } from '../support/peers.ts';
import { keepFigure, median } from './figures.ts';
import { openBenchScene, start, type BenchScene } from './scene.ts';
import { timeWork } from './time-work.ts';

const records = Number(process.env['BENCH_RECORDS'] ?? '20000');
const rounds = Number(process.env['BENCH_ROUNDS'] ?? '3');
const concurrency = 64;
const timeout = 3_600_000;

async function rival(
  scene: BenchScene,
  script: string,
  { lanes, of, broker = '' }: { lanes: number; of: number; broker?: string },
): Promise<{ perSecond: number; cpuMicrosPerRecord: number }> {
  const printed = await start([`test/bench/rivals/${script}.mjs`], {
    DATABASE: scene.databaseUrl,
    ENDPOINT: scene.kms.endpoint,
    TOKEN: scene.kms.token,
    CONCURRENCY: String(lanes),
    RECORDS: String(of),
    BROKER: broker,
  }).ended;
  return JSON.parse(printed);
}

test('one worker against the bare loop and what people write', { timeout }, async () => {
  const scene = await openBenchScene(records);
  onTestFinished(() => scene.close());
  const seen = {
    bare: [] as number[],
    bareCpu: [] as number[],
    keyturn: [] as number[],
    keyturnCpu: [] as number[],
    limited: [] as number[],
    serial: [] as number[],
    jobs: [] as number[],
  };
  for (let round = 0; round < rounds; round += 1) {
    const bare = await rival(scene, 'bare-loop', { lanes: concurrency, of: records });
    seen.bare.push(bare.perSecond);
    seen.bareCpu.push(bare.cpuMicrosPerRecord);
    const ours = await timeWork(scene, (await freshRedis()).url, records);
    seen.keyturn.push(ours.perSecond);
    seen.keyturnCpu.push(ours.cpuMicrosPerRecord);
    seen.limited.push((await rival(scene, 'p-limit', { lanes: concurrency, of: records / 4 })).perSecond);
    seen.serial.push((await rival(scene, 'p-limit', { lanes: 1, of: records / 20 })).perSecond);
    const broker = (await freshRedis()).url;
    seen.jobs.push(
      (await rival(scene, 'job-per-ciphertext', { lanes: concurrency, of: records / 4, broker })).perSecond,
    );
  }
  keepFigure('work, records/s', seen.keyturn);
  keepFigure('bare loop, calls/s', seen.bare);
  keepFigure('CPU of work, µs a record', seen.keyturnCpu);
  keepFigure('CPU of the bare loop, µs a call', seen.bareCpu);
  keepFigure('p-limit, fetch and an UPDATE per row, records/s', seen.limited);
  keepFigure('serial script, records/s', seen.serial);
  keepFigure('one BullMQ job per ciphertext, records/s', seen.jobs);
  const ratio = (of: readonly number[], to: readonly number[]): number =>
    median(of.map((value, round) => value / (to[round] ?? NaN)));
  keepFigure('share of the limit', [ratio(seen.keyturn, seen.bare)], { atLeast: 0.8 });
  keepFigure('÷ p-limit script', [ratio(seen.keyturn, seen.limited)], { atLeast: 6 });
  keepFigure('÷ serial script', [ratio(seen.keyturn, seen.serial)], { atLeast: 18 });
  keepFigure('÷ one job per ciphertext', [ratio(seen.keyturn, seen.jobs)], { atLeast: 3 });
  keepFigure('CPU ÷ bare loop', [ratio(seen.keyturnCpu, seen.bareCpu)], { atMost: 1.4 });
});
