import { expect, test, vi } from 'vitest';
import { emptyTally } from '../../src/rotation/batch.ts';
import { freshDatabase, freshRedis } from '../support/peers.ts';
import { openParts } from '../support/rotation-parts.ts';

test.each(['redis', 'postgres'] as const)(
  'over %s a batch that is handed back waits as long as it is told, in fractions of a millisecond too',
  async (kind) => {
    const { broker, close } = await openParts(
      (kind === 'redis' ? await freshRedis() : await freshDatabase()).url,
    );
    const takenAt: number[] = [];
    const consumer = broker.queue.consume(async (_batch, earlier) => {
      takenAt.push(performance.now());
      if (earlier !== null) return { kind: 'settled' };
      const progress = { tally: emptyTally, failures: [], before: {}, left: ['1'], fruitless: 1 };
      return { kind: 'handedBack', progress, delayMs: 400.25 };
    }, 1);
    await broker.queue.add([{ epoch: 'e1', number: 0, refs: ['1'], late: false }]);
    await vi.waitFor(() => expect(takenAt).toHaveLength(2), { timeout: 10_000, interval: 25 });
    const [first = 0, second = 0] = takenAt;
    expect(second - first).toBeGreaterThan(395);
    await consumer.close(1000);
    await close();
  },
);
