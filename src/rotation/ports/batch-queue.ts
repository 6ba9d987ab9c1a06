import type { Batch, BatchProgress } from '../batch.ts';

/** How a worker left a batch: settled in the ledger, or handed back with what is left. */
export type Processed =
  { kind: 'settled' } | { kind: 'handedBack'; progress: BatchProgress; delayMs: number };

/** Works one batch. `progress` is what an earlier worker handed back with it. */
export type ProcessBatchJob = (
  batch: Batch,
  progress: BatchProgress | null,
  signal: AbortSignal,
) => Promise<Processed>;

export interface BatchConsumer {
  /** Takes no further batch until `resume`; those in work go on. */
  pause(): Promise<void>;
  resume(): void;
  /**
   * Aborts the signals of the batches in work, waits at most `graceMs` until they are handed back, and
   * closes. Never waits longer, also with a dead broker. False if a batch was still in work then: the queue
   * gives it to another worker when its lock runs out.
   */
  close(graceMs: number): Promise<boolean>;
}

/** The queue of one rotation's batches. Methods throw a transient `Fault` when the broker is out of reach. */
export interface BatchQueue {
  /** Adds batches. Adding one again, queued or in work, is harmless. */
  add(batches: readonly Batch[]): Promise<void>;
  /** Batches waiting, delayed or in work. */
  depth(): Promise<number>;
  counts(): Promise<Readonly<Record<'waiting' | 'delayed' | 'active' | 'failed', number>>>;
  /** Makes batches that wait for a time wait no longer. */
  giveOutDelayed(): Promise<void>;
  /** Starts taking batches, `concurrency` at a time. */
  consume(process: ProcessBatchJob, concurrency: number): BatchConsumer;
  /** Drops every batch that is not in work. */
  drain(): Promise<void>;
  close(): Promise<void>;
}
