import { expect, onTestFinished, test, vi } from 'vitest';
import { openBroker } from '../../src/cli/open-broker.ts';
import type { Fault } from '../../src/rotation/faults.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { parseWith } from '../support/parse-config.ts';
import { freshDatabase } from '../support/peers.ts';

const patient = { timeout: 25_000, interval: 50 };

test('a consumer that begins while the link to its PostgreSQL is reset asks seldom, and works once it passes', async () => {
  const url = new URL((await freshDatabase()).url);
  const link = await startFaultProxy(Number(url.port));
  onTestFinished(() => link.close());
  url.port = String(link.port);
  const faults: Fault[] = [];
  const { config } = parseWith({ broker: url.href, log: { level: 'silent' } });
  const broker = await openBroker(config, (fault) => void faults.push(fault));
  onTestFinished(() => broker.close());

  link.setMode('reset');
  const begunAt = performance.now();
  // The census queue is opened now: nothing of it has been reached yet.
  const queue = broker.census.openQueue();
  const seen: number[] = [];
  const consumer = queue.consume(async ({ number }) => {
    seen.push(number);
    return { kind: 'settled' };
  }, 1);
  onTestFinished(async () => void (await consumer.close(1000)));
  await expect(queue.counts()).rejects.toMatchObject({ faultClass: 'transient' });
  await vi.waitFor(() => expect(faults.length).toBeGreaterThan(5), patient);
  expect((faults.length * 1000) / (performance.now() - begunAt)).toBeLessThan(200);

  link.setMode('pass');
  await vi.waitFor(() => queue.add([{ epoch: 'e1', number: 7, refs: ['r1'], late: false }]), patient);
  await vi.waitFor(() => expect(seen).toEqual([7]), patient);
}, 90_000);
