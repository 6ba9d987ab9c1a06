import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { enqueueStore } from '../../producer/enqueue.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { openRotation, type OpenRotation } from '../open-rotation.ts';
import { openPass, type OpenedPass } from '../../producer/open-pass.ts';
import type { Output } from '../output.ts';
import { describeStatus, readStatus } from '../read-status.ts';

/** The producer: enqueues the whole store, or goes on where the last one stopped. */
export async function enqueue(config: KeyturnConfig, output: Output): Promise<number> {
  const { signal } = listenForInterrupt();
  const rotation = await openRotation(config, 'readOnly');
  try {
    const { snapshot } = await openPassFor(rotation, output, signal);
    const end = await enqueueStore(producerDeps(rotation), snapshot.epoch ?? '', signal);
    const status = await readStatus(rotation);
    output.result(status, () => describeStatus(status));
    if (end === 'complete') return exitCode.done;
    return end === 'interrupted' ? exitCode.interrupted : exitCode.notDone;
  } finally {
    await rotation.close();
  }
}

export function producerDeps(rotation: OpenRotation): Parameters<typeof enqueueStore>[0] {
  const { broker, config, log, store } = rotation;
  return {
    store,
    ledger: broker.ledger,
    queue: broker.queue,
    batchSize: config.limits.batchSize,
    backlog: config.limits.backlog,
    onFault: log.fault,
  };
}

/** Opens the pass and says in a line what is done. */
export async function openPassFor(
  rotation: OpenRotation,
  output: Output,
  signal: AbortSignal,
): Promise<OpenedPass> {
  const { broker, config, planDigest, store } = rotation;
  const opened = await openPass(
    {
      ledger: broker.ledger,
      queue: broker.queue,
      planDigest,
      choosePin: () => rotation.choosePin(signal),
      countRecords: async () => (await store.count()).records,
    },
    signal,
  );
  const { pass, pin, estimate } = opened.snapshot;
  const to = `to version ${pin?.versionId ?? ''} of key ${pin?.keyId ?? ''}`;
  const what = {
    begun: `begins pass ${pass} ${to}, about ${estimate} records`,
    resumed: `goes on with pass ${pass} ${to}`,
    restarted: `begins pass ${pass} ${to}: the broker had lost batches of the last one`,
  }[opened.how];
  output.line(`rotation ${config.rotation} ${what}`);
  return opened;
}
