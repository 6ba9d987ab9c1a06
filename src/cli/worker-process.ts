import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Fault } from '../rotation/faults.ts';
import { remainingRecords } from '../rotation/status.ts';
import { startTelemetryServer, type TelemetryServer } from '../telemetry/http.ts';
import { startWorker, type RunningWorker } from '../worker/worker.ts';
import type { OpenRotation } from './open-rotation.ts';
import type { Output } from './output.ts';

/** The time that batches in work have to come back after a stop; Kubernetes kills after 30 s. */
const graceMs = 25_000;
/** A peer that failed this recently makes the process not ready. */
const notReadyMs = 10_000;

export interface WorkerProcess {
  readonly worker: RunningWorker;
  stop(): Promise<void>;
}

/** A worker with its metrics server, as `work` and `run` start it. */
export async function startWorkerProcess(
  rotation: OpenRotation,
  output: Output,
  onFatal: (fault: Fault) => void,
): Promise<WorkerProcess> {
  const { broker, calls, config, format, log, metrics, pacer, store } = rotation;
  const troubles = new Map<string, { at: number; message: string }>();
  const workerId = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;

  function onFault(fault: Fault): void {
    log.fault(fault);
    if (fault.peer !== undefined) troubles.set(fault.peer, { at: performance.now(), message: fault.message });
  }

  const worker = startWorker({
    workerId,
    queue: broker.queue,
    ledger: broker.ledger,
    batch: { store, format, calls: { ...calls, onFault } },
    goalFor: rotation.goalFor,
    planDigest: rotation.planDigest,
    maxFailures: config.limits.maxFailures,
    callsMade: metrics.kmsCalls,
    onFatal,
    observer: {
      batchStarted: metrics.batchStarted,
      batchEnded: metrics.batchEnded,
      setAside: metrics.setAside,
      fault: onFault,
      paused: (reason) => log.error('rotation paused', { reason }),
    },
  });

  let server: TelemetryServer | null = null;
  if (config.metrics !== null) {
    const sources = {
      remaining: () => remainingOf(worker),
      state: () => worker.snapshot()?.state ?? 'new',
      configuredRate: config.limits.rate,
      effectiveRate: pacer.effectiveRate,
      queueCounts: () => broker.queue.counts().catch(() => null),
    };
    server = await startTelemetryServer(config.metrics, {
      renderMetrics: () => metrics.render(sources),
      metricsContentType: metrics.contentType,
      notReady: () =>
        worker.snapshot() === null
          ? ['broker: no answer yet']
          : [...troubles]
              .filter(([, trouble]) => performance.now() - trouble.at < notReadyMs)
              .map(([peer, { message }]) => `${peer}: ${message}`),
    });
    output.line(`metrics on http://${config.metrics.host}:${server.port}/metrics`);
  }
  log.info('worker started', { worker: workerId });

  return {
    worker,
    async stop() {
      const clean = await worker.stop(graceMs);
      if (!clean) log.warn('a batch was still in work; the queue gives it to another worker');
      await server?.close();
      log.info('worker stopped', { worker: workerId });
    },
  };
}

function remainingOf(worker: RunningWorker): number {
  const snapshot = worker.snapshot();
  return snapshot === null ? 0 : remainingRecords(snapshot);
}
