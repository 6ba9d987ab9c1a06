import { start } from './process.ts';
import type { BenchScene } from './scene.ts';
import type { Throughput } from './time-work.ts';

/** Runs a script of `rivals` over the first so many records. */
export async function rival(
  scene: BenchScene,
  script: string,
  { lanes = 64, share = 1, broker = '' }: { lanes?: number; share?: number; broker?: string } = {},
): Promise<Throughput> {
  const printed = await start([`test/bench/rivals/${script}.mjs`], {
    DATABASE: scene.databaseUrl,
    ENDPOINT: scene.kms.endpoint,
    TOKEN: scene.kms.token,
    CONCURRENCY: String(lanes),
    RECORDS: String(scene.records * share),
    BROKER: broker,
  }).ended;
  return JSON.parse(printed);
}
