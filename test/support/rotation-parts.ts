import { openBroker, type OpenBroker } from '../../src/cli/open-broker.ts';
import type { Fault } from '../../src/rotation/faults.ts';
import type { Tally } from '../../src/rotation/batch.ts';
import { startWorker, type RunningWorker, type WorkerDeps } from '../../src/worker/worker.ts';
import { createCore, goalOf, type Core } from './core.ts';
import { parseWith } from './parse-config.ts';

export const planDigest = 'sha256:plan';
export const planParts = { source: 's', target: 't', store: 'd', format: 'f' };

/** A real broker, and the core over a store and a KMS in memory. */
export interface Parts {
  readonly broker: OpenBroker;
  readonly core: Core;
  readonly seen: {
    batches: string[];
    gained: Tally[];
    setAside: string[];
    faults: Fault[];
    /** What the broker's own connections reported. */
    brokerFaults: Fault[];
    paused: string[];
    fatal: Fault[];
  };
  /** Begins a pass over everything that is seeded, in batches of `batchSize`, and enqueues it. */
  begin(epoch: string, batchSize: number): Promise<void>;
  startWorker(change?: Partial<WorkerDeps>): RunningWorker;
  close(): Promise<void>;
}

export async function openParts(brokerUrl: string, core: Core = createCore()): Promise<Parts> {
  const { config } = parseWith({ broker: brokerUrl, log: { level: 'silent' } });
  const seen: Parts['seen'] = {
    batches: [],
    gained: [],
    setAside: [],
    faults: [],
    brokerFaults: [],
    paused: [],
    fatal: [],
  };
  const broker = await openBroker(config, (fault) => void seen.brokerFaults.push(fault));
  const running: RunningWorker[] = [];

  return {
    broker,
    core,
    seen,
    async begin(epoch, batchSize) {
      const { ledger, queue } = broker;
      await ledger.begin({
        epoch,
        pin: { keyId: 'k1', versionId: 'v2' },
        planDigest,
        planParts,
        estimate: core.store.rows.size,
      });
      let number = 0;
      for await (const page of core.store.scan(null, batchSize, new AbortController().signal)) {
        const batch = { epoch, number, refs: page.refs, late: false };
        await ledger.stage({ batch, cursor: page.cursor });
        await queue.add([batch]);
        number += 1;
      }
      await ledger.completeScan(epoch);
    },
    startWorker(change = {}) {
      const worker = startWorker({
        workerId: `worker-${running.length}`,
        queue: broker.queue,
        ledger: broker.ledger,
        batch: core.deps,
        goalFor: () => goalOf(),
        planDigest,
        planParts,
        maxFailures: 1000,
        callsMade: () => core.kms.calls.length,
        onFatal: (fault) => void seen.fatal.push(fault),
        observer: {
          batchStarted: () => undefined,
          batchEnded: (outcome, _seconds, gained) => {
            seen.batches.push(outcome);
            seen.gained.push(gained);
          },
          setAside: (code) => void seen.setAside.push(code),
          fault: (fault) => void seen.faults.push(fault),
          paused: (_cause, reason) => void seen.paused.push(reason),
          settled: () => undefined,
        },
        ...change,
      });
      running.push(worker);
      return worker;
    },
    async close() {
      await Promise.all(running.map((worker) => worker.stop(2000)));
      await broker.close();
    },
  };
}
