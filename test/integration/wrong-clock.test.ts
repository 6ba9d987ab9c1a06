import { expect, onTestFinished, test, vi } from 'vitest';
import { createCore } from '../support/core.ts';
import { freshDatabase } from '../support/peers.ts';
import { openParts } from '../support/rotation-parts.ts';

const dayMs = 24 * 60 * 60_000;

// Redis times locks by its own clock; BullMQ on PostgreSQL by that of whoever takes one.
test('batches of a worker that died while its clock was a day ahead come back today', async () => {
  const parts = await openParts((await freshDatabase()).url, createCore());
  onTestFinished(() => parts.close());
  parts.core.seed(20);
  await parts.begin('e1', 10);
  const { counts, consume } = parts.broker.queue;

  const clock = vi
    .spyOn(Date, 'now')
    .mockImplementation(() => Math.floor(performance.timeOrigin + performance.now()) + dayMs);
  const dead = consume(() => new Promise(() => undefined), 2);
  await vi.waitFor(async () => expect(await counts()).toMatchObject({ active: 2 }), { timeout: 20_000 });
  // It hands nothing back.
  expect(await dead.close(0)).toBe(false);
  clock.mockRestore();

  parts.startWorker();
  const finished = async (): Promise<void> =>
    expect((await parts.broker.ledger.snapshot()).tally).toMatchObject({ rotated: 20 });
  await vi.waitFor(finished, { timeout: 60_000, interval: 100 });
}, 90_000);
