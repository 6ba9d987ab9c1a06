import { describeDuration } from './duration.ts';
import { reportStatus, type StatusReport } from '../rotation/status.ts';
import type { OpenBroker } from './open-broker.ts';

/** Reads the status of a rotation from the broker. */
export async function readStatus({
  broker: { ledger, pace },
  config,
}: {
  broker: Pick<OpenBroker, 'ledger' | 'pace'>;
  config: { rotation: string };
}): Promise<StatusReport> {
  const [snapshot, workers, rates] = await Promise.all([ledger.snapshot(), ledger.workers(), pace.rates()]);
  return reportStatus(config.rotation, snapshot, rates, workers);
}

/** The status for a person. */
export function describeStatus(status: StatusReport): string {
  const { rate } = status;
  const limit = rate.configured === null ? 'no limit' : `limit ${rate.configured}/s`;
  const throttled =
    rate.effective !== null && rate.effective !== rate.configured
      ? `, now ${rate.effective}/s after 429s`
      : '';
  const moves = status.etaSeconds !== null && status.remaining > 0;
  const eta = moves ? `, about ${describeDuration(status.etaSeconds)} to go` : '';
  return [
    `rotation ${status.rotation}: ${status.state}${status.pass > 1 ? ` (pass ${status.pass})` : ''}`,
    ...(status.reason === null ? [] : [`reason: ${status.reason}`]),
    ...(status.state === 'paused' ? ["'keyturn resume' goes on where it stood"] : []),
    `records: ${status.total} in all, ${status.rotated} rotated, ${status.skipped} skipped, ` +
      `${status.missing} missing, ${status.failed} failed, ${status.remaining} remaining; ` +
      `${status.conflicts} conflicts`,
    `rate: ${rate.observed} KMS calls/s (${limit}${throttled})${eta}`,
  ].join('\n');
}
