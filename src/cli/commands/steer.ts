import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { Fault } from '../../rotation/faults.ts';
import { recordResumed } from '../audit-rotation.ts';
import { exitCode } from '../exit-code.ts';
import { auditOf } from '../open-audit.ts';
import { withBroker, type OpenBroker } from '../open-broker.ts';
import type { Output } from '../output.ts';
import { describeStatus, readStatus } from '../read-status.ts';

/** Pauses the rotation in all workers. */
export function pause(config: KeyturnConfig, output: Output): Promise<number> {
  const [cause, reason] = ['operator', "paused by 'keyturn pause'"] as const;
  return steer(config, output, 'pause', async ({ ledger }) => {
    const paused = await ledger.pause(cause, reason);
    if (paused) await auditOf(config).record({ event: 'rotation.paused', cause, reason });
    return paused;
  });
}

/** Goes on where the rotation was paused. */
export function resume(config: KeyturnConfig, output: Output): Promise<number> {
  return steer(config, output, 'resume', async ({ ledger }) => {
    const resumed = await ledger.resume();
    if (resumed) await recordResumed(auditOf(config), await ledger.snapshot());
    return resumed;
  });
}

/** Ends the rotation; what is written stays written, and queued batches are dropped. */
export function cancel(config: KeyturnConfig, output: Output): Promise<number> {
  return steer(config, output, 'cancel', async ({ ledger, queue }) => {
    const cancelled = await ledger.cancel();
    if (!cancelled) return false;
    const { pass } = await ledger.snapshot();
    await auditOf(config).record({ event: 'rotation.cancelled', pass });
    await queue.drain();
    return true;
  });
}

/** Changes the global rate live; null = no limit. */
export function changeRate(
  config: KeyturnConfig,
  ratePerSecond: number | null,
  output: Output,
): Promise<number> {
  return steer(config, output, 'rate', async ({ pace }) => {
    const { configured } = await pace.rates();
    await pace.setRate(ratePerSecond);
    auditOf(config).note({ oldRate: configured, newRate: ratePerSecond });
    return true;
  });
}

function steer(
  config: KeyturnConfig,
  output: Output,
  command: string,
  change: (broker: OpenBroker) => Promise<boolean>,
): Promise<number> {
  return withBroker(config, async (broker) => {
    const changed = await change(broker);
    const status = await readStatus({ broker, config });
    if (!changed) {
      throw new Fault(
        'usage',
        'WRONG_STATE',
        `cannot ${command}: rotation ${config.rotation} is ${status.state}`,
      );
    }
    output.result(status, () => describeStatus(status));
    return exitCode.done;
  });
}
