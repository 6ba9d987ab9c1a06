import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { QueueBoard } from '../broker/queue-board.ts';
import { startCounting } from '../census/count-batches.ts';
import { eitherSignal } from '../rotation/either-signal.ts';
import { asFault, type Fault } from '../rotation/faults.ts';
import type { LedgerSnapshot } from '../rotation/ports/ledger.ts';
import { remainingRecords } from '../rotation/status.ts';
import type { TelemetryServer } from '../telemetry/http.ts';
import { startWorker, type RunningWorker } from '../worker/worker.ts';
import { recordBatch } from './audit-rotation.ts';
import { auditOf } from './open-audit.ts';
import type { OpenRotation } from './open-rotation.ts';
import type { Output } from './output.ts';
import { createStatusPage } from './status-page/status-page.ts';

/** A peer that failed this recently makes the process not ready. */
const notReadyMs = 10_000;
const boardPath = '/board';

export interface WorkerProcess {
  readonly worker: RunningWorker;
  /** Aborts with the interrupt, or when the worker cannot go on. */
  readonly signal: AbortSignal;
  /** Throws the fault for which the worker could not go on, after it has stopped. */
  stop(): Promise<void>;
}

/** A worker with its metrics server, as `work` and `run` start it. */
export async function startWorkerProcess(
  rotation: OpenRotation,
  { bullBoard }: { bullBoard: boolean },
  output: Output,
  interrupt: AbortSignal,
): Promise<WorkerProcess> {
  const { broker, calls, config, format, log, metrics, store, traces } = rotation;
  const audit = auditOf(config);
  const troubles = new Map<string, { at: number; message: string }>();
  // A worker that the KMS refuses shall end by itself, not pause the rotation for all; and the first slots
  // are for calls on a way that is known and warm, else they arrive late and all at once.
  await rotation.choosePin(interrupt);
  const workerId = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const stuck = new AbortController();
  let fatal: Fault | null = null;
  let worker: RunningWorker | null = null;

  function onFault(fault: Fault): void {
    log.fault(fault);
    if (fault.peer !== undefined) troubles.set(fault.peer, { at: performance.now(), message: fault.message });
  }

  function onFatal(fault: Fault): void {
    fatal ??= fault;
    stuck.abort();
  }

  /** What cannot be recorded shall not be done: the batches go to workers that can. */
  function written(recording: Promise<void>): void {
    recording.catch((error: unknown) => onFatal(asFault(error)));
  }

  function notReady(): string[] {
    return [...troubles]
      .filter(([, trouble]) => performance.now() - trouble.at < notReadyMs)
      .map(([peer, { message }]) => `${peer}: ${message}`);
  }

  // Before the worker, so that a port in use ends the command before a batch is taken.
  const board = bullBoard ? await broker.openBoard(boardPath) : null;
  const server = await serveTelemetry(rotation, board, output, () => worker?.snapshot() ?? null, notReady);
  const { renewValues, proveReadable } = rotation.handleValues(onFault);
  const started = startWorker({
    workerId,
    queue: broker.queue,
    ledger: broker.ledger,
    batch: {
      store,
      format,
      keyService: calls.keyService,
      renewValues,
      writeCheck: {
        share: config.verifyWrites,
        random: Math.random,
        proveReadable,
        onChecked: metrics.writeVerified,
      },
      onFault,
    },
    goalFor: rotation.goalFor,
    planDigest: rotation.planDigest,
    planParts: rotation.planParts,
    maxFailures: config.limits.maxFailures,
    callsMade: metrics.kmsCalls,
    onFatal,
    observer: {
      batchStarted: metrics.batchStarted,
      batchEnded(outcome, seconds, gained) {
        metrics.batchEnded(outcome, seconds, gained);
        traces?.batchEnded(outcome, gained);
      },
      setAside: metrics.setAside,
      fault: onFault,
      paused(cause, reason) {
        log.error('rotation paused', { cause, reason });
        written(audit.record({ event: 'rotation.paused', cause, reason }));
      },
      settled: (batch) => written(recordBatch(audit, batch)),
    },
  });
  worker = started;
  // Of an embedded broker no other process can ask for a census.
  const counting =
    broker.embedded !== null
      ? null
      : startCounting({
          ...rotation,
          queue: broker.census.openQueue(),
          ledger: broker.census.ledger,
          calls: { ...calls, onFault },
          onFault,
        });
  log.info('worker started', { worker: workerId });

  async function stop(): Promise<void> {
    const graceMs = config.shutdownTimeoutMs;
    const [clean] = await Promise.all([started.stop(graceMs), counting?.close(graceMs)]);
    if (!clean) log.warn('a batch was still in work; the queue gives it to another worker');
    await server?.close();
    await board?.close();
    log.info('worker stopped', { worker: workerId });
    if (fatal !== null) throw fatal;
  }
  return { worker: started, signal: eitherSignal(interrupt, stuck.signal), stop };
}

async function serveTelemetry(
  { broker, config, log, metrics, tool }: OpenRotation,
  board: QueueBoard | null,
  output: Output,
  snapshot: () => LedgerSnapshot | null,
  troubles: () => readonly string[],
): Promise<TelemetryServer | null> {
  if (config.metrics === null) return null;
  const { startTelemetryServer } = await import('../telemetry/http.ts');
  const sources = {
    remaining: () => remainingIn(snapshot()),
    state: () => snapshot()?.state ?? 'new',
    pauseCause: () => snapshot()?.pauseCause ?? null,
    rates: () => broker.pace.rates().catch(() => null),
    queueCounts: () => broker.queue.counts().catch(() => null),
  };
  const server = await startTelemetryServer(config.metrics, {
    renderMetrics: () => metrics.render(sources),
    metricsContentType: metrics.contentType,
    notReady: () => (snapshot() === null ? ['broker: no answer yet'] : troubles()),
    page: createStatusPage(broker, config.rotation, tool, log.fault),
    board: board === null ? null : { path: boardPath, plugin: board.plugin },
  });
  const origin = `http://${config.metrics.host}:${server.port}`;
  output.line(`metrics on ${origin}/metrics`);
  output.line(`status page on ${origin}/`);
  if (board !== null) output.line(`bull-board on ${origin}${boardPath}`);
  return server;
}

function remainingIn(snapshot: LedgerSnapshot | null): number {
  return snapshot === null ? 0 : remainingRecords(snapshot);
}
