import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busiestSecond } from './busiest-second.ts';
import type { TestServer } from './servers.ts';
import { killAll, openSteeringScene, type SteeringScene } from './steering-scene.ts';

/** What a command to steer must have done by then, in every worker. */
const withinMs = 2000;
/** Of a test machine's own delays, in calls per second. */
const jitter = 4;

/** Three workers under load are steered by the commands, and timed at the KMS. */
export function describeSteering(name: string, startBroker: () => Promise<TestServer>): void {
  describe(`three workers over ${name}`, () => {
    let broker: TestServer;
    let scene: SteeringScene;
    beforeAll(async () => {
      broker = await startBroker();
      scene = await openSteeringScene(broker.url, 6000, { limits: { rate: 400, batchSize: 40 } });
    });
    afterAll(async () => {
      await scene.close();
      await broker.stop();
    });

    /** Runs a command and tells when it has returned. */
    async function steer(...command: string[]): Promise<number> {
      await scene.command(...command);
      return performance.now();
    }

    test('obey pause, resume, rate and cancel within two seconds, also those killed and started again', async () => {
      let workers = await scene.startWorkers(3);
      await scene.command('enqueue');
      await scene.calls(300);

      const pausedAt = await steer('pause');
      await killAll(workers);
      workers = await scene.startWorkers(3);
      await scene.elapsed(pausedAt, withinMs + 1000);
      expect(scene.callsSince(pausedAt + withinMs), 'calls after a pause').toEqual([]);
      expect(await scene.status()).toMatchObject({
        state: 'paused',
        reason: expect.stringContaining('pause'),
      });

      const resumedAt = await steer('resume');
      await scene.calls(300);
      expect(scene.callsSince(resumedAt)[0], 'the first call after a resume').toBeLessThan(
        resumedAt + withinMs,
      );

      const slowedAt = await steer('rate', '50');
      await scene.elapsed(slowedAt, withinMs + 1500);
      const slowed = scene.callsSince(slowedAt + withinMs);
      expect(busiestSecond(slowed), 'calls in a second after rate 50').toBeLessThanOrEqual(51 + jitter);
      expect(slowed.length, 'calls in 1.5 s after rate 50').toBeGreaterThan(50);

      await killAll(workers);
      await broker.kill();
      await broker.restart();
      workers = await scene.startWorkers(3, ['--exit-when-done']);
      const restartedAt = performance.now();
      await scene.calls(75);
      expect(
        busiestSecond(scene.callsSince(restartedAt)),
        'calls in a second after a restart',
      ).toBeLessThanOrEqual(51 + jitter);
      expect(await scene.status()).toMatchObject({ state: 'running', rate: { configured: 50 } });

      const cancelledAt = await steer('cancel');
      const ended = await Promise.all(workers.map(({ ended }) => ended));
      expect(performance.now() - cancelledAt, 'time until all workers have ended').toBeLessThan(10_000);
      expect(ended.map(({ code }) => code)).toEqual([1, 1, 1]);
      await scene.elapsed(cancelledAt, withinMs);
      expect(scene.callsSince(cancelledAt + withinMs), 'calls after a cancel').toEqual([]);
    }, 150_000);
  });
}
