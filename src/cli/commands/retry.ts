import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { putBackFailures } from '../../producer/put-back.ts';
import { Fault } from '../../rotation/faults.ts';
import { mayPutBack } from '../../rotation/state.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { auditOf } from '../open-audit.ts';
import { withBroker } from '../open-broker.ts';
import type { Output } from '../output.ts';
import { describeCounts } from '../read-status.ts';

/** Puts the failed records, all or those with one code, back in the queue. */
export function retry(
  config: KeyturnConfig,
  { code }: { code: string | null },
  output: Output,
): Promise<number> {
  const { signal } = listenForInterrupt();
  return withBroker(config, async ({ ledger, queue }, onFault) => {
    const { rotation, limits } = config;
    const { epoch, state } = await ledger.snapshot();
    if (epoch === null || !mayPutBack(state)) throw wrongState(rotation, state);
    const deps = { ledger, queue, onFault, batchSize: limits.batchSize };
    const retried = await putBackFailures(deps, epoch, code, signal);
    auditOf(config).note({ records: retried });
    const after = await ledger.snapshot();
    const left = await ledger.failureCodes();
    output.result({ rotation, retried, code, state: after.state, failed: after.tally.failed }, () =>
      [
        `${retried} failed ${retried === 1 ? 'record is' : 'records are'} back in the queue`,
        ...(Object.keys(left).length === 0 ? [] : [`still failed: ${describeCounts(left)}`]),
        ...(after.state === 'paused' ? [`the rotation is paused; 'keyturn resume' goes on`] : []),
        ...(retried > 0 && after.state === 'running' ? ["'keyturn work' or 'keyturn run' tries them"] : []),
      ].join('\n'),
    );
    return exitCode.done;
  });
}

function wrongState(rotation: string, state: string): Fault {
  const why =
    state === 'cancelled'
      ? "'keyturn run' begins a new pass, which tries every record again"
      : 'nothing has failed';
  return new Fault('usage', 'WRONG_STATE', `cannot retry: rotation ${rotation} is ${state}; ${why}`);
}
