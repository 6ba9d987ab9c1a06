import type { Fault } from '../rotation/faults.ts';
import { asFault } from '../rotation/faults.ts';
import type { StatusReport } from '../rotation/status.ts';
import { createLiveEta } from './live-eta.ts';
import type { OpenBroker } from './open-broker.ts';
import { readStatus } from './read-status.ts';

/** The status as it was last read, and what a view shows beside it. */
export interface LiveStatus extends StatusReport {
  /** ISO 8601: since when nothing could be read; null while the broker answers. */
  readonly outOfReachSince: string | null;
}

/** Reads the status again and again; during an outage of the broker it is the last one that was read. */
export interface LiveStatusReader {
  /** Throws where the broker refuses us, and at the first read also where it is out of reach. */
  read(): Promise<LiveStatus>;
}

export function createLiveStatusReader(
  broker: Pick<OpenBroker, 'ledger' | 'pace'>,
  rotation: string,
  onFault: (fault: Fault) => void,
): LiveStatusReader {
  const eta = createLiveEta();
  let last: LiveStatus | null = null;
  async function readAll(): Promise<LiveStatus> {
    const status = await readStatus({ broker, config: { rotation } });
    return { ...status, etaSeconds: eta(status), outOfReachSince: null };
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
