import { eitherSignal } from '../../src/rotation/either-signal.ts';
import type { Batch, BatchProgress } from '../../src/rotation/batch.ts';
import type {
  BatchConsumer,
  BatchQueue,
  ProcessBatchJob,
  Processed,
} from '../../src/rotation/ports/batch-queue.ts';
import type { Network, Process } from './network.ts';
import type { Random } from './random.ts';

/** As `broker/queue.ts` sets them. */
const lockMs = 12_000;
const stalledCheckMs = 2000;

interface Job {
  readonly id: string;
  readonly batch: Batch;
  progress: BatchProgress | null;
  state: 'waiting' | 'delayed' | 'active';
  /** Whose lock it is; another one each time that the job is taken. */
  token: number;
  lockedUntil: number;
  holder: Consumer | null;
}

interface Consumer {
  readonly process: Process;
  readonly work: ProcessBatchJob;
  readonly concurrency: number;
  /** The lock of each job in work, by token. */
  readonly inWork: Map<number, AbortController>;
  readonly closing: AbortController;
  paused: boolean;
}

/** BullMQ's queue of batches in memory, with its habits: locks that run out, no fence, data that anyone writes. */
export interface SimulatedQueue {
  portFor(process: Process): BatchQueue;
  /** Gives a batch in work to another worker while the first is still at it. False if there is none. */
  stall(): boolean;
  /** Loses each batch with this probability. */
  forget(share: number): void;
  /** Hands waiting batches to workers that can be reached again. */
  dispatch(): void;
}

export function createSimulatedQueue(
  { call, reaches }: Network,
  random: Random,
  note: (who: string, what: string) => void,
  name: string,
): SimulatedQueue {
  const jobs = new Map<string, Job>();
  const consumers = new Set<Consumer>();
  let tokens = 0;
  let dispatching = false;

  function count(state: Job['state']): number {
    return [...jobs.values()].filter((job) => job.state === state).length;
  }

  function dispatch(): void {
    if (dispatching) return;
    dispatching = true;
    setTimeout(
      () => {
        dispatching = false;
        for (const job of jobs.values()) {
          if (job.state !== 'waiting') continue;
          const free = [...consumers].filter(
            ({ process, paused, closing, inWork, concurrency }) =>
              reaches(process, 'broker') && !paused && !closing.signal.aborted && inWork.size < concurrency,
          );
          if (free.length === 0) return;
          take(job, random.pick(free));
        }
      },
      random.between(0, 10),
    );
  }

  function take(job: Job, holder: Consumer): void {
    tokens += 1;
    const token = tokens;
    Object.assign(job, { state: 'active', token, holder, lockedUntil: Date.now() + lockMs });
    setTimeout(() => watchLock(job, token), stalledCheckMs);
    const lock = new AbortController();
    holder.inWork.set(token, lock);
    // The process may die with the reply on its way.
    setTimeout(
      () => {
        if (holder.process.alive) void workOn(job, token, holder, lock.signal);
      },
      random.between(0, 5),
    );
  }

  async function workOn(job: Job, token: number, consumer: Consumer, lock: AbortSignal): Promise<void> {
    const { process, closing } = consumer;
    const { batch, progress } = job;
    note(process.name, `takes ${job.id}${progress === null ? '' : ` with ${progress.left.length} left`}`);
    try {
      const signal = eitherSignal(lock, closing.signal);
      const result: Processed | 'failed' = closing.signal.aborted
        ? { kind: 'handedBack', progress: progress ?? nothingDone(batch), delayMs: 0 }
        : await consumer.work(batch, progress, signal).catch(() => 'failed' as const);
      await release(job, token, process, result);
    } catch {
      // Whatever is not known of it at the broker: its lock runs out.
    } finally {
      consumer.inWork.delete(token);
      dispatch();
    }
  }

  async function release(
    job: Job,
    token: number,
    process: Process,
    result: Processed | 'failed',
  ): Promise<void> {
    const to = (what: string, effect: () => void): Promise<void> =>
      call(process, 'broker', `${name}.${what}`, async () => effect(), { detail: () => job.id });
    const hold = (): Job => {
      if (jobs.get(job.id) !== job || job.token !== token) throw new Error('missing lock');
      return job;
    };
    if (result === 'failed') return to('fail', () => toWaiting(hold()));
    if (result.kind === 'settled') {
      note(process.name, `is done with ${job.id}`);
      return to('complete', () => void jobs.delete(hold().id));
    }
    const { progress, delayMs } = result;
    note(process.name, `hands back ${job.id} with ${progress.left.length} left`);
    // BullMQ asks for no lock here.
    await to('updateData', () => {
      job.progress = progress;
    });
    await to('moveToDelayed', () => {
      Object.assign(hold(), { state: 'delayed', holder: null, token: 0 });
      setTimeout(() => {
        if (job.state === 'delayed') toWaiting(job);
      }, delayMs);
    });
  }

  function toWaiting(job: Job): void {
    Object.assign(job, { state: 'waiting', holder: null, token: 0 });
    dispatch();
  }

  function watchLock(job: Job, token: number): void {
    const { holder } = job;
    if (jobs.get(job.id) !== job || job.state !== 'active' || job.token !== token || holder === null) return;
    if (reaches(holder.process, 'broker') && holder.inWork.has(token)) job.lockedUntil = Date.now() + lockMs;
    if (Date.now() >= job.lockedUntil) return loseLock(job, token, holder);
    setTimeout(() => watchLock(job, token), stalledCheckMs);
  }

  function loseLock(job: Job, token: number, holder: Consumer): void {
    note(holder.process.name, `loses the lock of ${job.id}`);
    toWaiting(job);
    tellHolder(token, holder);
  }

  /** The first holder learns it when it renews its lock next, if it still lives and can. */
  function tellHolder(token: number, holder: Consumer): void {
    setTimeout(
      () => {
        const lock = holder.inWork.get(token);
        if (lock === undefined || !holder.process.alive) return;
        if (reaches(holder.process, 'broker')) lock.abort();
        else tellHolder(token, holder);
      },
      random.between(0, lockMs / 2),
    );
  }

  return {
    portFor: (process) => ({
      add: (batches) =>
        call(process, 'broker', `${name}.add`, async () => {
          for (const batch of batches) {
            const id = `${batch.epoch}/${batch.number}`;
            if (jobs.has(id)) continue;
            jobs.set(id, {
              id,
              batch,
              progress: null,
              state: 'waiting',
              token: 0,
              lockedUntil: 0,
              holder: null,
            });
          }
          dispatch();
        }),
      depth: () => call(process, 'broker', `${name}.depth`, async () => jobs.size),
      counts: () =>
        call(process, 'broker', `${name}.counts`, async () => ({
          waiting: count('waiting'),
          delayed: count('delayed'),
          active: count('active'),
          failed: 0,
        })),
      consume(work, concurrency): BatchConsumer {
        const closing = new AbortController();
        const consumer = { process, work, concurrency, inWork: new Map(), closing, paused: false };
        consumers.add(consumer);
        dispatch();
        return {
          pause: async () => void (consumer.paused = true),
          resume() {
            consumer.paused = false;
            dispatch();
          },
          close: (graceMs) => closeConsumer(consumer, graceMs),
        };
      },
      giveOutDelayed: () =>
        call(process, 'broker', `${name}.giveOutDelayed`, async () => {
          for (const job of jobs.values()) if (job.state === 'delayed') toWaiting(job);
        }),
      drain: () =>
        call(process, 'broker', `${name}.drain`, async () => {
          for (const { id, state } of jobs.values()) if (state !== 'active') jobs.delete(id);
        }),
      close: async () => undefined,
    }),
    stall() {
      const active = [...jobs.values()].filter(({ state }) => state === 'active');
      if (active.length === 0) return false;
      const job = random.pick(active);
      if (job.holder !== null) loseLock(job, job.token, job.holder);
      return true;
    },
    forget(share) {
      for (const id of jobs.keys()) {
        if (!random.chance(share)) continue;
        jobs.delete(id);
        note(name, `forgets ${id}`);
      }
    },
    dispatch,
  };
}

async function closeConsumer({ closing, inWork }: Consumer, graceMs: number): Promise<boolean> {
  closing.abort();
  const until = Date.now() + graceMs;
  while (inWork.size > 0 && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
  return inWork.size === 0;
}

function nothingDone({ refs }: Batch): BatchProgress {
  const tally = { rotated: 0, skipped: 0, missing: 0, failed: 0, conflicts: 0 };
  return { tally, failures: [], before: {}, left: refs, fruitless: 0 };
}
