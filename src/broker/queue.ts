import { once } from 'node:events';
import type { BackendFactory, IQueueBackend, Job, JobsOptions, Telemetry, WorkerOptions } from 'bullmq';
import type { Batch } from '../rotation/batch.ts';
import type { Fault } from '../rotation/faults.ts';
import type { BatchConsumer, BatchQueue, ProcessBatchJob } from '../rotation/ports/batch-queue.ts';
import { BatchWorker } from './batch-worker.ts';
import { bullmq } from './bullmq.ts';
import { foreignJob } from './foreign-job.ts';
import { jobData, toJobData, type JobData } from './job-data.ts';
import { underEither } from '../rotation/either-signal.ts';

const { DelayedError, Queue, UnrecoverableError } = bullmq;

/** BullMQ's lock of a job; its worker renews it at half of this. */
const lockDurationMs = 12_000;
/** How often the workers look for batches whose lock ran out; found at the second look since they were taken. */
const stalledIntervalMs = 2000;
/** A batch done twice harms nothing, so that no number of crashes may fail it; BullMQ's default is 1. */
const noLimit = 1_000_000_000;
/** What a worker that closes still waits for the broker, once its batches are done with. */
const goodbyeMs = 3000;
/** Jobs that someone else put into the queue are kept to be looked at, at most this many. */
const keptFailedJobs = 1000;

/** How to reach BullMQ's data: Redis, PostgreSQL, or the embedded database. */
export interface QueueBackend<Connection> {
  /** BullMQ needs a connection of its own for a worker. */
  readonly connection: (use: 'queue' | 'worker') => Connection;
  readonly factory: BackendFactory<IQueueBackend, Connection>;
  readonly prefix?: string;
  /** Brings back what a client's wrong clock has put far ahead, where the broker's own clock does not count. */
  readonly mendTimes?: (queue: string, lockMs: number) => Promise<void>;
  /** Carries the trace of a batch with its job. */
  readonly telemetry?: Telemetry | undefined;
  readonly toFault: (error: unknown) => Fault;
}

/** BullMQ's queue of one rotation, named after it. */
export function createBatchQueue<Connection>(
  rotation: string,
  backend: QueueBackend<Connection>,
  onFault: (fault: Fault) => void,
): BatchQueue {
  const { prefix, telemetry } = backend;
  const options = { ...(prefix !== undefined && { prefix }), ...(telemetry !== undefined && { telemetry }) };
  const report = (error: unknown): void => onFault(backend.toFault(error));
  const connection = backend.connection('queue');
  const queue = new Queue(rotation, { connection, ...options }, backend.factory);
  queue.on('error', report);

  async function reach<T>(step: () => Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      throw backend.toFault(error);
    }
  }

  return {
    add: (batches) => reach(async () => void (await queue.addBulk(batches.map(toJob)))),
    depth: () =>
      reach(async () => {
        const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized');
        return Object.values(counts).reduce((sum, jobs) => sum + jobs, 0);
      }),
    counts: () =>
      reach(async () => {
        const counts = await queue.getJobCounts('waiting', 'delayed', 'active', 'failed');
        const { waiting = 0, delayed = 0, active = 0, failed = 0 } = counts;
        return { waiting, delayed, active, failed };
      }),
    giveOutDelayed: () => reach(() => queue.promoteJobs()),
    drain: () => reach(() => queue.drain(true)),
    consume: (process, concurrency) => {
      const workerOptions: WorkerOptions<Connection> = {
        connection: backend.connection('worker'),
        ...options,
        concurrency,
        lockDuration: lockDurationMs,
        stalledInterval: stalledIntervalMs,
        maxStalledCount: noLimit,
        drainDelay: 1,
      };
      const mendTimes = async (): Promise<void> => backend.mendTimes?.(rotation, lockDurationMs);
      return createConsumer(rotation, workerOptions, backend.factory, mendTimes, process, report);
    },
    close: async () => {
      await Promise.race([queue.close().catch(report), deadline(2000)]);
    },
  };
}

/**
 * The queue of a rotation's census, beside its own, so that neither waits for the other and a pause of the
 * rotation leaves the census alone. No rotation's name holds a dot, so that none can have this one. In Redis
 * its keys lie under those of the rotation's queue, where the rights that workers have there suffice.
 */
export function createCensusQueue<Connection>(
  rotation: string,
  backend: QueueBackend<Connection>,
  onFault: (fault: Fault) => void,
): BatchQueue {
  const prefix = `${backend.prefix ?? 'bull'}:${rotation}`;
  return createBatchQueue(`${rotation}.census`, { ...backend, prefix }, onFault);
}

function toJob(batch: Batch): { name: string; data: JobData; opts: JobsOptions } {
  return {
    name: 'batch',
    data: toJobData(batch, null),
    opts: {
      jobId: `batch-${batch.number}-${batch.epoch}`,
      attempts: noLimit,
      removeOnComplete: true,
      removeOnFail: keptFailedJobs,
    },
  };
}

function createConsumer<Connection>(
  rotation: string,
  options: WorkerOptions<Connection>,
  factory: BackendFactory<IQueueBackend, Connection>,
  mendTimes: () => Promise<void>,
  process: ProcessBatchJob,
  report: (error: unknown) => void,
): BatchConsumer {
  let inWork = 0;
  const closing = new AbortController();
  const mending = setInterval(() => void mendTimes().catch(report), stalledIntervalMs).unref();
  let idle = new AbortController();

  async function processJob(
    job: Job<JobData, void>,
    token: string | undefined,
    lock: AbortSignal,
  ): Promise<void> {
    const parsed = jobData.safeParse(job.data);
    if (!parsed.success) {
      report(foreignJob());
      throw new UnrecoverableError('not a batch of keyturn');
    }
    const { epoch, number, refs, late, progress } = parsed.data;
    if (inWork === 0) idle = new AbortController();
    inWork += 1;
    try {
      // A look for the next job that was under way when the consumer closed may still bring one.
      if (closing.signal.aborted)
        return await unlessClosed(handBack(job, job.data, 0, token), closing.signal);
      const batch = { epoch, number, refs, late };
      const result = await underEither([lock, closing.signal], (either) => process(batch, progress, either));
      if (result.kind !== 'handedBack') return;
      const data = toJobData(batch, result.progress);
      await unlessClosed(handBack(job, data, result.delayMs, token), closing.signal);
    } finally {
      inWork -= 1;
      if (inWork === 0) idle.abort();
    }
  }

  const worker = new BatchWorker(
    rotation,
    // BullMQ hands the signal of a lost lock only to a function of three parameters.
    (job, token, lock) => processJob(job, token, lock ?? closing.signal),
    options,
    factory,
  );
  // A syntax error is of the rest of a job, which BullMQ cannot be kept from parsing.
  worker.on('error', (error) => report(error instanceof SyntaxError ? foreignJob() : error));
  worker.on('lockRenewalFailed', (jobIds) => {
    for (const jobId of jobIds) worker.cancelJob(jobId, 'lock lost');
  });

  return {
    pause: () => worker.pause(true),
    resume: () => void worker.resume().catch(report),
    async close(graceMs) {
      clearInterval(mending);
      closing.abort();
      // close() alone waits without limit, and hangs when the broker is down (BullMQ 6.7).
      const drained = worker.close().then(() => true, report);
      if (inWork > 0) await Promise.race([once(idle.signal, 'abort'), deadline(graceMs)]);
      const clean = await Promise.race([drained, deadline(goodbyeMs)]);
      if (clean !== true) await Promise.race([worker.close(true).catch(report), deadline(500)]);
      return clean === true && inWork === 0;
    },
  };
}

/** Back to the queue with what is left, without costing an attempt: BullMQ counts none for a delayed job. */
async function handBack(
  job: Job<JobData, void>,
  data: JobData,
  delayMs: number,
  token: string | undefined,
): Promise<never> {
  await job.updateData(data);
  // BullMQ's PostgreSQL takes whole milliseconds only, and would try the job again at once.
  await job.moveToDelayed(Date.now() + Math.ceil(delayMs), token);
  throw new DelayedError();
}

/**
 * A worker's connection waits for a dead broker for ever, as BullMQ demands it. One that closes leaves the
 * job where it is, by the same error as a job that moved: the queue gives it to another when its lock runs
 * out.
 */
async function unlessClosed(handingBack: Promise<never>, closing: AbortSignal): Promise<never> {
  const over = new AbortController();
  async function giveUp(): Promise<never> {
    if (!closing.aborted) await once(closing, 'abort', { signal: over.signal });
    await deadline(goodbyeMs);
    throw new DelayedError();
  }
  try {
    return await Promise.race([handingBack, giveUp()]);
  } finally {
    over.abort();
  }
}

function deadline(ms: number): Promise<false> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms, false).unref();
  });
}
