import { setTimeout as delay } from 'node:timers/promises';
import type { IQueueBackend, Job, JobJson, JobProgress } from 'bullmq';
import { bullmq } from './bullmq.ts';
import type { JobData } from './job-data.ts';

const beforeNextTakeMs = 1000;

/** BullMQ's worker, with what it lacks (6.7) where the broker is in trouble or not ours alone. */
export class BatchWorker<Connection> extends bullmq.Worker<
  JobData,
  void,
  string,
  IQueueBackend,
  JobProgress,
  Connection
> {
  /**
   * After any error but a refused connection BullMQ asks for the next job at once, thousands of times a second
   * of a Redis without memory or a PostgreSQL that starts.
   */
  protected override async moveToActive(token: string, name?: string): Promise<Job<JobData, void>> {
    try {
      return await super.moveToActive(token, name);
    } catch (error) {
      await delay(beforeNextTakeMs, undefined, { ref: false });
      throw error;
    }
  }

  /**
   * BullMQ parses a job's data where nobody can catch it: what is no JSON would come back for ever, whenever
   * its lock runs out. Here its data is null, so that it is set aside like every job that is none of ours.
   */
  protected override createJob(json: JobJson, jobId: string): Job<JobData, void> {
    try {
      return super.createJob(json, jobId);
    } catch {
      return super.createJob({ ...json, data: 'null' }, jobId);
    }
  }
}
