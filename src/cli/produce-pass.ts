import { enqueueStore } from '../producer/enqueue.ts';
import { openPass, type OpenedPass, type OpenPassDeps } from '../producer/open-pass.ts';
import { tendPass } from '../producer/tend-pass.ts';
import { patiently } from '../rotation/patience.ts';
import type { LedgerSnapshot } from '../rotation/ports/ledger.ts';
import { recordBegun, recordFinished } from './audit-rotation.ts';
import { auditOf } from './open-audit.ts';
import type { OpenRotation } from './open-rotation.ts';
import type { Output } from './output.ts';

/** Opens the pass and says in a line what is done. */
export async function openPassFor(
  rotation: OpenRotation,
  output: Output,
  signal: AbortSignal,
): Promise<LedgerSnapshot> {
  const opened = await openPass(passDeps(rotation, signal), signal);
  await tellOpened(rotation, opened, output);
  return opened.snapshot;
}

/** Goes on with a pass that stands still, where workers are all that is left. */
export function tendPassOf(
  rotation: OpenRotation,
  lastSeen: () => LedgerSnapshot | null,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  async function enqueue(opened: OpenedPass): Promise<void> {
    await tellOpened(rotation, opened, output);
    await enqueuePass(rotation, opened.snapshot, signal);
  }
  return tendPass({ ...passDeps(rotation, signal), lastSeen, enqueue, onFault: rotation.log.fault }, signal);
}

function passDeps(
  { broker, choosePin, planDigest, planParts, store }: OpenRotation,
  signal: AbortSignal,
): OpenPassDeps {
  return {
    ledger: broker.ledger,
    queue: broker.queue,
    planDigest,
    planParts,
    choosePin: () => choosePin(signal),
    countRecords: async () => (await store.count()).records,
  };
}

async function tellOpened(
  { config }: OpenRotation,
  { snapshot, how }: OpenedPass,
  output: Output,
): Promise<void> {
  const { pass, pin, estimate } = snapshot;
  const to = `to version ${pin?.versionId ?? ''} of key ${pin?.keyId ?? ''}`;
  const what = {
    begun: `begins pass ${pass} ${to}, about ${estimate} records`,
    resumed: `goes on with pass ${pass} ${to}`,
    restarted: `begins pass ${pass} ${to}: the broker had lost batches of the last one`,
  }[how];
  if (how !== 'resumed') await recordBegun(auditOf(config), snapshot, how === 'restarted');
  output.line(`rotation ${config.rotation} ${what}`);
}

/** Enqueues what is left of the pass. */
export async function enqueuePass(
  { broker, config, log, store }: OpenRotation,
  { epoch }: LedgerSnapshot,
  signal: AbortSignal,
): ReturnType<typeof enqueueStore> {
  const deps = {
    store,
    ledger: broker.ledger,
    queue: broker.queue,
    batchSize: config.limits.batchSize,
    backlog: config.limits.backlog,
    onFault: log.fault,
  };
  const end = await enqueueStore(deps, epoch ?? '', signal);
  // Where all was settled before, the end of the scan has finished the pass.
  if (end === 'complete') {
    const patience = { signal, patienceMs: Infinity, onFault: log.fault };
    const snapshot = await patiently(patience, () => broker.ledger.snapshot());
    await recordFinished(auditOf(config), snapshot, epoch);
  }
  return end;
}
