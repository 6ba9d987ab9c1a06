import type { Queue } from 'bullmq';
import { Fault } from '../rotation/faults.ts';
import { bullmq } from './bullmq.ts';
import { jobData } from './job-data.ts';
import type { QueueBackend } from './queue.ts';

export interface QueueBoard {
  /** For a fastify server, at `path`. */
  readonly plugin: ReturnType<
    InstanceType<typeof import('@bull-board/fastify').FastifyAdapter>['registerPlugin']
  >;
  close(): Promise<void>;
}

/**
 * bull-board over the queue of one rotation, to look at its jobs: it changes nothing, and shows how many
 * references a job has, but not which. Usage `Fault` where its packages are not installed.
 */
export async function openQueueBoard<Connection>(
  rotation: string,
  backend: QueueBackend<Connection>,
  path: string,
  onFault: (fault: Fault) => void,
): Promise<QueueBoard> {
  const { createBullBoard, BullMQAdapter, FastifyAdapter } = await importBoard();
  const prefix = backend.prefix === undefined ? {} : { prefix: backend.prefix };
  const connection = backend.connection('queue');
  const queue = new bullmq.Queue(rotation, { connection, ...prefix }, backend.factory);
  queue.on('error', (error) => onFault(backend.toFault(error)));
  const adapter = new BullMQAdapter(ofAnyBackend(queue), { readOnlyMode: true, displayName: rotation });
  adapter.setFormatter('data', describeJob);
  const serverAdapter = new FastifyAdapter().setBasePath(path);
  createBullBoard({
    queues: [adapter],
    serverAdapter,
    options: {
      uiConfig: { boardTitle: 'keyturn', hideRedisDetails: true, showWorkers: false, hideDocsLink: true },
    },
  });
  return { plugin: serverAdapter.registerPlugin(), close: () => queue.close() };
}

/** bull-board's types know Redis alone; what it asks of a queue, any backend answers. */
function ofAnyBackend(queue: unknown): Queue {
  if (queue instanceof bullmq.Queue) return queue;
  throw new Fault('usage', 'WRONG_PACKAGE', "the installed 'bullmq' is not one package; npm dedupe bullmq");
}

/** What the board shows of a job: each list, such as the references, as its length, and nothing of a foreign job. */
export function describeJob(data: unknown): unknown {
  const parsed = jobData.safeParse(data);
  return parsed.success ? countLists(parsed.data) : 'not a batch of keyturn';
}

function countLists(data: unknown): unknown {
  if (Array.isArray(data)) return data.length;
  if (typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([name, value]: [string, unknown]) => [name, countLists(value)]),
  );
}

async function importBoard() {
  try {
    const [{ createBullBoard }, { BullMQAdapter }, { FastifyAdapter }] = await Promise.all([
      import('@bull-board/api'),
      import('@bull-board/api/bullMQAdapter'),
      import('@bull-board/fastify'),
    ]);
    return { createBullBoard, BullMQAdapter, FastifyAdapter };
  } catch (error) {
    throw new Fault(
      'usage',
      'BULL_BOARD_MISSING',
      '--bull-board needs packages that are not installed: npm install @bull-board/api @bull-board/fastify',
      { cause: error },
    );
  }
}
