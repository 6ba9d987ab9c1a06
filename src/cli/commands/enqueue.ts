import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { openRotation } from '../open-rotation.ts';
import type { Output } from '../output.ts';
import { enqueuePass, openPassFor } from '../produce-pass.ts';
import { describeStatus, readFinalStatus } from '../read-status.ts';

/** The producer: enqueues the whole store, or goes on where the last one stopped. */
export async function enqueue(config: KeyturnConfig, output: Output): Promise<number> {
  const { signal } = listenForInterrupt();
  const rotation = await openRotation(config, 'readOnly');
  try {
    const pass = await openPassFor(rotation, output, signal);
    const end = await enqueuePass(rotation, pass, signal);
    const status = await readFinalStatus(rotation, signal);
    output.result(status, () => describeStatus(status));
    if (end === 'complete') return exitCode.done;
    return end === 'interrupted' ? exitCode.interrupted : exitCode.notDone;
  } finally {
    await rotation.close();
  }
}
