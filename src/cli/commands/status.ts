import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { exitCode } from '../exit-code.ts';
import { withBroker } from '../open-broker.ts';
import type { Output } from '../output.ts';
import { describeStatus, readStatus } from '../read-status.ts';

/** Prints counts, rate, ETA and state. */
export function printStatus(config: KeyturnConfig, output: Output): Promise<number> {
  return withBroker(config, async (broker) => {
    const status = await readStatus({ broker, config });
    output.result(status, () => describeStatus(status));
    return exitCode.done;
  });
}
