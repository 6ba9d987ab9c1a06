import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import type { RecordFailure } from '../../rotation/batch.ts';
import { exitCode } from '../exit-code.ts';
import { withBroker } from '../open-broker.ts';
import type { Output } from '../output.ts';

const pageSize = 1000;

/** Lists the records that were set aside. */
export function listFailures(config: KeyturnConfig, output: Output): Promise<number> {
  return withBroker(config, async ({ ledger }) => {
    const failures: RecordFailure[] = [];
    for (;;) {
      const page = await ledger.failures(failures.at(-1)?.ref ?? null, pageSize);
      failures.push(...page);
      if (page.length < pageSize) break;
    }
    output.result({ rotation: config.rotation, count: failures.length, failures }, () => describe(failures));
    return exitCode.done;
  });
}

function describe(failures: readonly RecordFailure[]): string {
  if (failures.length === 0) return 'no failed records';
  return failures
    .map(({ ref, code, message, requestId, time }) => {
      const request = requestId === null ? '' : ` (request ${requestId})`;
      return `${time}  ${code}  ${ref}  ${message}${request}`;
    })
    .join('\n');
}
