import { setTimeout as delay } from 'node:timers/promises';
import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import type { Fault } from '../../rotation/faults.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { openRotation } from '../open-rotation.ts';
import type { Output } from '../output.ts';
import { describeStatus, readStatus } from '../read-status.ts';
import { startWorkerProcess } from '../worker-process.ts';
import { eitherSignal } from '../../rotation/either-signal.ts';

const pollMs = 200;

/** A worker until SIGTERM, or with `exitWhenDone` until the rotation is finished or cancelled. */
export async function work(
  config: KeyturnConfig,
  { exitWhenDone }: { exitWhenDone: boolean },
  output: Output,
): Promise<number> {
  const interrupt = listenForInterrupt();
  const rotation = await openRotation(config, 'readWrite');
  const fatal: Fault[] = [];
  const stopped = new AbortController();
  const process = await startWorkerProcess(
    rotation,
    output,
    (fault) => {
      fatal.push(fault);
      stopped.abort();
    },
    interrupt.signal,
  );
  const signal = eitherSignal(interrupt.signal, stopped.signal);
  const state = (): string => process.worker.snapshot()?.state ?? 'new';
  const over = (): boolean => exitWhenDone && (state() === 'finished' || state() === 'cancelled');
  while (!signal.aborted && !over()) await delay(pollMs, undefined, { signal }).catch(() => undefined);

  await process.stop();
  try {
    for (const fault of fatal) throw fault;
    if (interrupt.by() !== null) return interrupt.by() === 'SIGINT' ? exitCode.interrupted : exitCode.done;
    const status = await readStatus(rotation);
    output.result(status, () => describeStatus(status));
    return status.failed === 0 && status.state === 'finished' ? exitCode.done : exitCode.notDone;
  } finally {
    await rotation.close();
  }
}
