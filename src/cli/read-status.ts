import { describeDuration } from './duration.ts';
import { reportStatus, type StatusReport } from '../rotation/status.ts';
import { patiently } from '../rotation/patience.ts';
import type { OpenBroker } from './open-broker.ts';
import type { OpenRotation } from './open-rotation.ts';
import { hintFor } from './status-hint.ts';

/** Reads the status of a rotation from the broker. */
export async function readStatus({
  broker: { ledger, pace },
  config,
}: {
  broker: Pick<OpenBroker, 'ledger' | 'pace'>;
  config: { rotation: string };
}): Promise<StatusReport> {
  const [snapshot, workers, rates, failureCodes] = await Promise.all([
    ledger.snapshot(),
    ledger.workers(),
    pace.rates(),
    ledger.failureCodes(),
  ]);
  return reportStatus(config.rotation, snapshot, rates, workers, failureCodes);
}

/** For the end of a command whose work is done: an outage of the broker is waited out. */
export function readFinalStatus(
  { broker, config, log }: Pick<OpenRotation, 'broker' | 'config' | 'log'>,
  signal: AbortSignal,
): Promise<StatusReport> {
  const patience = { signal, patienceMs: Infinity, onFault: log.fault };
  return patiently(patience, () => readStatus({ broker, config }));
}

/** The status for a person, with what to do. */
export function describeStatus(status: StatusReport, hint = hintFor(status)): string {
  const { rate } = status;
  const limit = rate.configured === null ? 'no limit' : `limit ${rate.configured}/s`;
  const throttled =
    rate.effective !== null && rate.effective !== rate.configured
      ? `, now ${rate.effective}/s after 429s`
      : '';
  const moves = status.etaSeconds !== null && status.remaining > 0;
  const eta = moves ? `, about ${describeDuration(status.etaSeconds)} to go` : '';
  const codes = describeCounts(status.failuresByCode);
  const soFar = status.enqueued < status.total ? ` (${status.enqueued} enqueued)` : '';
  return [
    `rotation ${status.rotation}: ${status.state}${status.pass > 1 ? ` (pass ${status.pass})` : ''}`,
    ...(status.reason === null ? [] : [`reason: ${status.reason}`]),
    ...(hint === null ? [] : [hint]),
    `records: ${status.total} in all${soFar}, ${status.rotated} rotated, ${status.skipped} skipped, ` +
      `${status.missing} missing, ${status.failed} failed, ${status.remaining} remaining; ` +
      `${status.conflicts} conflicts`,
    ...(codes === '' ? [] : [`failures: ${codes}; see 'keyturn failures'`]),
    `rate: ${rate.observed} KMS calls/s (${limit}${throttled})${eta}`,
  ].join('\n');
}

/** `UNAVAILABLE 3, BAD_FORMAT 1`. */
export function describeCounts(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}
