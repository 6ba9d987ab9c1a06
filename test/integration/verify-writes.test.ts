import { randomBytes } from 'node:crypto';
import { request } from 'undici';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { runCli } from '../support/cli.ts';
import { openSealed } from '../support/memory-kms.ts';
import { parseMetrics } from '../support/parse-metrics.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { openParts } from '../support/rotation-parts.ts';
import { killAll, openSteeringScene, type SteeringScene } from '../support/steering-scene.ts';

const records = 60;
const spoilt = 41;

describe.each(['redis', 'postgres'] as const)('over %s', (kind) => {
  test('a rotation pauses before its last batch could finish it, and the record is listed', async () => {
    const parts = await openParts((kind === 'redis' ? await freshRedis() : await freshDatabase()).url);
    const { core, broker } = parts;
    core.seed(20);
    core.kms.trouble = ({ ciphertext }) =>
      openSealed(ciphertext).plaintext === 'plain-7'
        ? {
            keyId: 'k1',
            versionId: 'v2',
            sourceKeyId: 'k1',
            sourceVersionId: 'v1',
            ciphertext: Buffer.from('garbage'),
          }
        : undefined;
    await parts.begin('e1', 20);
    parts.startWorker({ batch: { ...core.deps, writeCheck: { ...core.deps.writeCheck, share: 1 } } });
    await vi.waitFor(async () => expect((await broker.ledger.snapshot()).settledBatches).toBe(1), 15_000);
    expect(await broker.ledger.snapshot()).toMatchObject({
      state: 'paused',
      pauseCause: 'refused',
      reason: expect.stringContaining('WRITTEN_UNREADABLE'),
      tally: { rotated: 19, failed: 1 },
    });
    expect(await broker.ledger.failures(null, 10)).toMatchObject([{ ref: '7', code: 'WRITTEN_UNREADABLE' }]);
    expect(parts.seen.paused).toHaveLength(1);

    expect(await broker.ledger.resume()).toBe(true);
    await vi.waitFor(async () => expect((await broker.ledger.snapshot()).state).toBe('finished'), 15_000);
    await parts.close();
  });
});

describe('a KMS that gives garbage for one record, with all ids as they should be', () => {
  let scene: SteeringScene;
  afterEach(() => scene.close());

  async function open(settings: Partial<Parameters<typeof openSteeringScene>[2]>): Promise<void> {
    scene = await openSteeringScene((await freshRedis()).url, records, {
      limits: { rate: 'none', batchSize: 20 },
      ...settings,
    });
    scene.kms.garble = (plaintext) => (plaintext === `p-${spoilt}` ? randomBytes(40) : null);
  }

  test('is found out by run, which says so and ends with 3; a rollback brings the old value back', async () => {
    await open({ verifyWrites: { sample: 1 }, store: { journal: true } });
    const before = await scene.valueOf(spoilt);
    const { code, stdout } = await runCli(['run', '-c', scene.config, '--json']);
    expect(code).toBe(3);
    expect(JSON.parse(stdout)).toMatchObject({
      state: 'paused',
      reason: expect.stringContaining("see 'keyturn failures'"),
      failed: 1,
      certificate: null,
    });
    expect(await scene.valueOf(spoilt)).not.toEqual(before);
    const { failures } = JSON.parse((await scene.command('failures', '--json')).stdout);
    expect(failures).toMatchObject([{ ref: `["${spoilt}"]`, code: 'WRITTEN_UNREADABLE' }]);

    // Refused until the worker is known to be gone.
    await vi.waitFor(() => scene.command('rollback'), { timeout: 30_000, interval: 2500 });
    expect(await scene.valueOf(spoilt)).toEqual(before);
  }, 60_000);

  test('is seen in the metrics of a worker, and costs no more than one call for each write', async () => {
    await open({ verifyWrites: { sample: 1 }, metrics: { port: 0, host: '127.0.0.1' } });
    scene.kms.garble = () => null;
    const workers = await scene.startWorkers(1);
    await scene.command('enqueue');
    const [, url = ''] = /^metrics on (\S+)$/m.exec(workers[0]?.stdout() ?? '') ?? [];
    const { value } = await vi.waitFor(
      async () => {
        const scrape = parseMetrics(await (await request(url)).body.text());
        expect(scrape.value('keyturn_rotation_state', { state: 'finished' })).toBe(1);
        return scrape;
      },
      { timeout: 20_000, interval: 100 },
    );
    expect(value('keyturn_writes_verified_total', { outcome: 'readable' })).toBe(records);
    expect(value('keyturn_writes_verified_total', { outcome: 'unreadable' })).toBe(0);
    expect(scene.callsSince(0)).toHaveLength(2 * records);
    await killAll(workers);
  }, 60_000);
});
