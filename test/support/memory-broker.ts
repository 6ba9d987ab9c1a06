import type { CensusLedger } from '../../src/rotation/ports/census-ledger.ts';
import type { TestBroker } from './brokers.ts';
import { createMemoryCensusLedger } from './memory-census-ledger.ts';
import { createMemoryLedger, type MemoryLedger } from './memory-ledger.ts';
import { createMemoryPace, createPaceState, type PaceState } from './memory-pace.ts';

interface Rotation {
  ahead: number;
  readonly now: () => number;
  readonly ledger: MemoryLedger;
  readonly census: CensusLedger;
  readonly pace: PaceState;
}

/** A broker in memory, as the contracts want it. */
export async function openMemoryBroker(): Promise<TestBroker> {
  const rotations = new Map<string, Rotation>();

  function of(name: string): Rotation {
    const known = rotations.get(name);
    if (known !== undefined) return known;
    const now = (): number => performance.timeOrigin + performance.now() + made.ahead;
    const made: Rotation = {
      ahead: 0,
      now,
      ledger: createMemoryLedger(now),
      census: createMemoryCensusLedger(now),
      pace: createPaceState(),
    };
    rotations.set(name, made);
    return made;
  }

  return {
    ledger: (rotation) => of(rotation).ledger,
    census: (rotation) => of(rotation).census,
    pace: (rotation, rate) => createMemoryPace(of(rotation).pace, rate, of(rotation).now),
    async elapse(rotation, ms) {
      of(rotation).ahead += ms;
    },
    close: async () => undefined,
  };
}
