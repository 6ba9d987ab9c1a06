import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { sleep } from '../../rotation/backoff.ts';
import { eitherSignal } from '../../rotation/either-signal.ts';
import { Fault } from '../../rotation/faults.ts';
import { exitCode } from '../exit-code.ts';
import { listenForInterrupt } from '../interrupt.ts';
import { openRotation } from '../open-rotation.ts';
import type { Output } from '../output.ts';
import { tendPassOf } from '../produce-pass.ts';
import { describeStatus, readFinalStatus } from '../read-status.ts';
import { startWorkerProcess } from '../worker-process.ts';

const pollMs = 200;

/** A worker until SIGTERM, or with `exitWhenDone` until the rotation is finished or cancelled. */
export async function work(
  config: KeyturnConfig,
  { exitWhenDone, bullBoard }: { exitWhenDone: boolean; bullBoard: boolean },
  output: Output,
): Promise<number> {
  if (bullBoard && config.metrics === null)
    throw new Fault(
      'usage',
      'NO_METRICS_PORT',
      '--bull-board is served beside the metrics; set metrics.port',
    );
  const interrupt = listenForInterrupt();
  const rotation = await openRotation(config, 'readWrite');
  try {
    const { worker, signal, stop } = await startWorkerProcess(
      rotation,
      { bullBoard },
      output,
      interrupt.signal,
    );
    const state = (): string => worker.snapshot()?.state ?? 'new';
    const tending = new AbortController();
    void tendPassOf(rotation, worker.snapshot, output, eitherSignal(signal, tending.signal));
    const over = (): boolean => exitWhenDone && (state() === 'finished' || state() === 'cancelled');
    while (!signal.aborted && !over()) await sleep(pollMs, signal);
    tending.abort();
    await stop();

    if (interrupt.by() !== null) return interrupt.by() === 'SIGINT' ? exitCode.interrupted : exitCode.done;
    const status = await readFinalStatus(rotation, interrupt.signal);
    output.result(status, () => describeStatus(status));
    return status.failed === 0 && status.state === 'finished' ? exitCode.done : exitCode.notDone;
  } finally {
    await rotation.close();
  }
}
