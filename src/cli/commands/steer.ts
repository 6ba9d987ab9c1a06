import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { Fault } from '../../rotation/faults.ts';
import { exitCode } from '../exit-code.ts';
import { withBroker, type OpenBroker } from '../open-broker.ts';
import type { Output } from '../output.ts';
import { describeStatus, readStatus } from '../read-status.ts';

/** Pauses the rotation in all workers. */
export function pause(config: KeyturnConfig, output: Output): Promise<number> {
  return steer(config, output, 'pause', ({ ledger }) =>
    ledger.pause('operator', "paused by 'keyturn pause'"),
  );
}

/** Goes on where the rotation was paused. */
export function resume(config: KeyturnConfig, output: Output): Promise<number> {
  return steer(config, output, 'resume', ({ ledger }) => ledger.resume());
}

/** Ends the rotation; what is written stays written, and queued batches are dropped. */
export function cancel(config: KeyturnConfig, output: Output): Promise<number> {
  return steer(config, output, 'cancel', async ({ ledger, queue }) => {
    const cancelled = await ledger.cancel();
    if (cancelled) await queue.drain();
    return cancelled;
  });
}

/** Changes the global rate live; null = no limit. */
export function changeRate(
  config: KeyturnConfig,
  ratePerSecond: number | null,
  output: Output,
): Promise<number> {
  return steer(config, output, 'rate', async ({ pace }) => {
    await pace.setRate(ratePerSecond);
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
