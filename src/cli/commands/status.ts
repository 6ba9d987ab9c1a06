import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { withBroker } from '../open-broker.ts';
import type { Output } from '../output.ts';
import { describeStatus, readStatus } from '../read-status.ts';
import { hintForOnlooker } from '../status-hint.ts';
import { watchStatus } from '../watch-status.ts';

/** Prints counts, rate, ETA and state; with `watch` until the rotation ends or someone leaves. */
export function status(
  config: KeyturnConfig,
  { watch, json }: { watch: boolean; json: boolean },
  output: Output,
): Promise<number> {
  // Who holds an embedded broker is alone with it: nothing would change.
  if (watch && config.broker.kind !== 'embedded') return watchStatus(config, { json }, listenForInterrupt());
  return withBroker(config, async (broker) => {
    const read = await readStatus({ broker, config });
    output.result(read, () => describeStatus(read, hintForOnlooker(read)));
    return exitCode.done;
  });
}
