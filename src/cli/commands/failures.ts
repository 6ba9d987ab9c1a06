import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import type { RecordFailure } from '../../rotation/batch.ts';
import type { Ledger } from '../../rotation/ports/ledger.ts';
import { describeFailures, groupFailures } from '../failure-groups.ts';
import { exitCode } from '../exit-code.ts';
import { withBroker } from '../open-broker.ts';
import type { Output } from '../output.ts';

const pageSize = 1000;

/** Lists the records that were set aside: by code for a person, each of them with `--json`. */
export function listFailures(
  config: KeyturnConfig,
  flags: { json: boolean },
  output: Output,
): Promise<number> {
  return withBroker(config, async ({ ledger }) => {
    if (flags.json) {
      const failures: RecordFailure[] = [];
      for await (const page of pagesOf(ledger)) failures.push(...page);
      output.result({ rotation: config.rotation, count: failures.length, failures }, () => '');
    } else {
      output.line(describeFailures(await groupFailures(pagesOf(ledger))));
    }
    return exitCode.done;
  });
}

async function* pagesOf(ledger: Pick<Ledger, 'failures'>): AsyncGenerator<readonly RecordFailure[]> {
  let after: string | null = null;
  do {
    const page: RecordFailure[] = await ledger.failures(after, pageSize);
    yield page;
    after = page.length < pageSize ? null : (page.at(-1)?.ref ?? null);
  } while (after !== null);
}
