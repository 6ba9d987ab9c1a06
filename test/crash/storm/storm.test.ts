import { Redis } from 'ioredis';
import pg from 'pg';
import { z } from 'zod';
import { expect, test, vi } from 'vitest';
import { dumpPostgres, dumpRedis } from '../../support/broker-dump.ts';
import { startCli } from '../../support/cli.ts';
import { seededRandom } from '../../support/seeded-random.ts';
import { startStormyApplication } from './application.ts';
import { busiestTenSeconds } from './check-pace.ts';
import { findWrongWrites } from './check-history.ts';
import { readHistory, readTable } from './history.ts';
import { rage } from './rage.ts';
import { openScene, pinned, type Scene, type SceneOptions } from './scene.ts';

const minutes = Number(process.env['STORM_MINUTES'] ?? '0.5');
const seed = Number(process.env['STORM_SEED'] ?? Date.now() % 1_000_000);
const stormMs = minutes * 60_000;
/** Longer than locks take to run out, dead processes to be missed, and a lost batch to be looked for. */
const standstillMs = 150_000;
const testMs = 4 * stormMs + 400_000;
/** A command that looks at the end must not wait for anything. */
const commandMs = 60_000;
const ratePerSecond = 80;

const status = z.object({
  state: z.string(),
  total: z.number(),
  enqueued: z.number(),
  rotated: z.number(),
  skipped: z.number(),
  missing: z.number(),
  failed: z.number(),
});
const certificate = z.object({
  verdict: z.string(),
  records: z.number(),
  unreadable: z.number(),
  byVersion: z.record(z.string(), z.number()),
});
const failed = z.object({ failures: z.array(z.object({ ref: z.string() })) });

const scenes: readonly SceneOptions[] = [
  { broker: 'redis', job: 'enqueue', workers: 2, poisoned: 3, records: 0, ratePerSecond },
  { broker: 'postgres', job: 'run', workers: 1, poisoned: 0, records: 0, ratePerSecond },
];

test.concurrent.for(scenes)(
  `a storm of faults over $broker with $job and workers loses, overwrites and miscounts nothing (seed ${seed})`,
  { timeout: testMs },
  async (options, { onTestFinished }) => {
    const random = seededRandom(seed);
    const records = Math.round((stormMs / 1000) * ratePerSecond * (options.job === 'run' ? 0.4 : 0.6));
    const scene = await openScene({ ...options, records });
    onTestFinished(() => scene.close());
    const application = startStormyApplication(scene, seededRandom(seed + 1));
    const startedAt = performance.now();
    const elapsed = (): number => performance.now() - startedAt;

    const struck = await rage(scene, random, () => {
      if (elapsed() > stormMs / 2) application.forgetOldVersion();
      return elapsed() > stormMs || isDone(scene);
    });
    application.forgetOldVersion();
    const stormEndedAt = elapsed();
    await awaitEnd(scene);
    const finishedAt = elapsed();
    await application.stop();
    await Promise.all(scene.pods.map((pod) => pod.release()));
    report(scene, struck, stormEndedAt, finishedAt);

    const { most, allowed } = busiestTenSeconds(scene.kms.calls, ratePerSecond);
    expect(most).toBeLessThanOrEqual(allowed);

    const history = await readHistory(scene.sql);
    const table = await readTable(scene.sql);
    const { kms, poisonedIds } = scene;
    expect(
      findWrongWrites({ history, table, acknowledged: application.acknowledged, poisonedIds, kms }).join(
        '\n',
      ),
    ).toBe('');

    const counts = await readJson(scene, ['status', '--json'], status);
    expect(counts.enqueued).toBe(counts.total);
    expect(counts.rotated + counts.skipped + counts.missing + counts.failed).toBe(counts.total);
    expect(counts.rotated).toBeLessThanOrEqual(
      history.filter(({ writer }) => writer !== 'application').length,
    );
    const { failures } = await readJson(scene, ['failures', '--json'], failed);
    expect(failures.map(({ ref }) => ref).toSorted()).toEqual(
      poisonedIds.map((id) => `["${id}"]`).toSorted(),
    );

    const verdict = await readJson(scene, ['verify', '--deep', '--json'], certificate);
    expect(verdict).toEqual({
      verdict: poisonedIds.length === 0 ? 'safe-to-retire' : 'not-safe',
      records: table.length,
      unreadable: poisonedIds.length,
      byVersion: { [pinned]: table.length - poisonedIds.length },
    });
    expect(unexpectedEnds(scene).join('\n')).toBe('');
    const kept = await dumpBroker(scene);
    expect(kept).toContain('epoch');
    const secrets = [
      kms.token,
      'plain-',
      ...table.slice(0, 200).flatMap(({ value }) => [value.toString('hex'), value.toString('base64')]),
    ];
    expect(secrets.filter((secret) => kept.includes(secret))).toEqual([]);
  },
);

/** Ends when the rotation has finished by itself. Throws where it stands still. */
async function awaitEnd(scene: Scene): Promise<void> {
  const { kms, job, pods } = scene;
  let [calls, movedAt] = [0, performance.now()];
  // Ends by standing still rather than by a time of its own.
  await vi.waitUntil(
    async () => {
      const stand = job.completed() ? await readJson(scene, ['status', '--json'], status) : null;
      if (kms.calls.length > calls) [calls, movedAt] = [kms.calls.length, performance.now()];
      if (performance.now() - movedAt > standstillMs) {
        const words = pods.map(({ name, lastWords }) => `${name}: ${lastWords()}`);
        throw new Error(`nothing moves: ${JSON.stringify(stand)}\n${words.join('\n')}`);
      }
      return stand?.state === 'finished';
    },
    { timeout: testMs, interval: 2000 },
  );
}

async function dumpBroker({ redis, brokerUrl }: Scene): Promise<string> {
  if (redis !== null) {
    const client = new Redis(brokerUrl);
    const dump = await dumpRedis(client);
    client.disconnect();
    return dump;
  }
  const pool = new pg.Pool({ connectionString: brokerUrl, max: 1 });
  pool.on('error', () => undefined);
  const dump = await dumpPostgres(pool);
  await pool.end();
  return dump;
}

function isDone({ job, options }: Scene): boolean {
  return options.job === 'run' && job.completed();
}

async function readJson<T>({ config }: Scene, args: readonly string[], shape: z.ZodType<T>): Promise<T> {
  const { ended } = startCli([...args, '-c', config], { KEYTURN_LIMITS_RATE: 'none' }, commandMs);
  const { code, stdout, stderr } = await ended;
  if (stdout === '') throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`);
  return shape.parse(JSON.parse(stdout));
}

/** A process may be killed, or give up on a peer that is away: 3, or 1 where its pass was taken over. */
function unexpectedEnds({ pods, kms }: Scene): string[] {
  return pods.flatMap(({ name, ends }) =>
    ends.flatMap(({ code, stdout, stderr }) => {
      const said = stdout + stderr;
      const defects = said.split('\n').filter((line) => /INTERNAL_ERROR|in keyturn|^ {4}at /.test(line));
      if (defects.length > 0) return [`${name}: a defect: ${defects.join(' ')}`];
      if (said.includes(kms.token) || said.includes('plain-')) return [`${name}: a secret was told`];
      return code === null || [0, 1, 3].includes(code)
        ? []
        : [`${name}: ended with ${code}: ${said.slice(-500)}`];
    }),
  );
}

function report(scene: Scene, struck: ReadonlyMap<string, number>, stormMs: number, doneMs: number): void {
  const { broker, job } = scene.options;
  const total = [...struck.values()].reduce((sum, count) => sum + count, 0);
  const restarts = scene.pods.map(({ name, ends }) => `${name} ${ends.length}`).join(', ');
  process.stdout.write(
    [
      `storm over ${broker} with ${job}, seed ${seed}: ${total} faults in ${Math.round(stormMs / 1000)} s, ` +
        `finished ${Math.round((doneMs - stormMs) / 1000)} s after the last; ${scene.options.records} records; ` +
        `restarts: ${restarts}`,
      ...[...struck].map(([name, count]) => `  ${String(count).padStart(4)}  ${name}`),
      ...(scene.shiftClock === null ? ['   NOT RUN: clock jumps, libfaketime is missing'] : []),
      '',
    ].join('\n'),
  );
}
