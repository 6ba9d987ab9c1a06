import type { Fault } from '../rotation/faults.ts';
import { asFault } from '../rotation/faults.ts';
import { reportStatus, type StatusReport } from '../rotation/status.ts';
import { readFailureCodes, type FailureCodes } from './failure-codes.ts';
import { createLiveEta } from './live-eta.ts';
import type { OpenBroker } from './open-broker.ts';

/** The list of failures may be long; its codes are read no more often than this. */
const codesEveryMs = 2000;

/** The status as it was last read, and what a view shows beside it. */
export interface LiveStatus extends StatusReport {
  /** Workers that reported in the last five seconds. */
  readonly workers: number;
  readonly failureCodes: FailureCodes;
  /** ISO 8601: since when nothing could be read; null while the broker answers. */
  readonly outOfReachSince: string | null;
}

/** Reads the status again and again; during an outage of the broker it is the last one that was read. */
export interface LiveStatusReader {
  /** Throws where the broker refuses us, and at the first read also where it is out of reach. */
  read(): Promise<LiveStatus>;
}

export function createLiveStatusReader(
  { ledger, pace }: Pick<OpenBroker, 'ledger' | 'pace'>,
  rotation: string,
  onFault: (fault: Fault) => void,
): LiveStatusReader {
  const eta = createLiveEta();
  let last: LiveStatus | null = null;
  let codes: FailureCodes = {};
  let codesOf = '';
  let codesAt = -Infinity;

  async function readCodes({ pass, failed }: StatusReport): Promise<FailureCodes> {
    const wanted = `${pass} ${failed}`;
    if (wanted === codesOf || performance.now() - codesAt < codesEveryMs) return codes;
    codes = failed === 0 ? {} : await readFailureCodes(ledger);
    codesOf = wanted;
    codesAt = performance.now();
    return codes;
  }

  async function readAll(): Promise<LiveStatus> {
    const [snapshot, workers, rates] = await Promise.all([ledger.snapshot(), ledger.workers(), pace.rates()]);
    const status = reportStatus(rotation, snapshot, rates, workers);
    const failureCodes = await readCodes(status);
    return {
      ...status,
      etaSeconds: eta(status),
      workers: workers.alive,
      failureCodes,
      outOfReachSince: null,
    };
  }

  return {
    async read() {
      const askedAt = new Date().toISOString();
      try {
        last = await readAll();
      } catch (error) {
        const fault = asFault(error);
        if (last === null || fault.faultClass !== 'transient') throw fault;
        onFault(fault);
        last = { ...last, outOfReachSince: last.outOfReachSince ?? askedAt };
      }
      return last;
    },
  };
}
