import type { IQueueBackend, Job, JobJson, JobProgress } from 'bullmq';
import { Fault } from '../rotation/faults.ts';
import { bullmq } from './bullmq.ts';
import type { JobData } from './job-data.ts';

/**
 * BullMQ's worker, which parses a job's data where nobody can catch it (6.7): what is no JSON would come back
 * for ever, whenever its lock runs out. Here its data is null, so that it is set aside like every job that is
 * none of ours.
 */
export class ForgivingWorker<Connection> extends bullmq.Worker<
  JobData,
  void,
  string,
  IQueueBackend,
  JobProgress,
  Connection
> {
  protected override createJob(json: JobJson, jobId: string): Job<JobData, void> {
    try {
      return super.createJob(json, jobId);
    } catch {
      return super.createJob({ ...json, data: 'null' }, jobId);
    }
  }
}

/** The queue holds what keyturn did not write. */
export function foreignJob(): Fault {
  return new Fault(
    'transient',
    'FOREIGN_JOB',
    "the queue holds a job that keyturn did not write; it is left aside. Remove it, or give 'broker' a database of its own",
    { peer: 'broker' },
  );
}
