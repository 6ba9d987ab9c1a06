import { randomUUID } from 'node:crypto';
import { test } from 'vitest';
import { emptyTally, type Batch, type RecordFailure, type Tally } from '../../src/rotation/batch.ts';
import type { BeginPass, Ledger } from '../../src/rotation/ports/ledger.ts';
import type { RotationState } from '../../src/rotation/state.ts';

/** Opens ledgers on one broker; `elapse` makes what it has noted of a rotation's workers so much older. */
export interface LedgerHarness {
  ledger(rotation: string): Ledger;
  elapse(rotation: string, ms: number): Promise<void>;
  close(): Promise<void>;
}

/** What a test of the contract works on: the ledger of a rotation of its own. */
interface LedgerCase {
  harness: LedgerHarness;
  rotation: string;
  ledger: Ledger;
  /** Begins a pass with so many staged batches and gives its epoch. */
  begun(batches?: number): Promise<string>;
  stage(epoch: string, number: number, refs?: string[]): Promise<boolean>;
  /** Brings the rotation to a state and gives its epoch. */
  brought(to: RotationState): Promise<string>;
}

export type LedgerTest = ReturnType<typeof createLedgerTest>;

export function createLedgerTest(opened: () => LedgerHarness) {
  return test.extend<LedgerCase>({
    // oxlint-disable-next-line no-empty-pattern -- vitest reads what a fixture needs from its pattern
    harness: ({}, use) => use(opened()),
    // oxlint-disable-next-line no-empty-pattern -- as above
    rotation: ({}, use) => use(`r-${randomUUID().slice(0, 8)}`),
    ledger: ({ harness, rotation }, use) => use(harness.ledger(rotation)),
    stage: ({ ledger }, use) =>
      use((epoch, number, refs = [`ref-${number}`]) =>
        ledger.stage({ batch: newBatch(epoch, number, refs), cursor: `after-${number}` }),
      ),
    begun: ({ ledger, stage }, use) =>
      use(async (batches = 0) => {
        const pass = newPass();
        await ledger.begin(pass);
        for (let number = 0; number < batches; number += 1) await stage(pass.epoch, number);
        return pass.epoch;
      }),
    brought: ({ ledger, begun }, use) =>
      use(async (to) => {
        const epoch = to === 'new' ? 'none' : await begun();
        if (to === 'paused') await ledger.pause('operator', 'by hand');
        if (to === 'cancelled') await ledger.cancel();
        if (to === 'finished') await ledger.completeScan(epoch);
        return epoch;
      }),
  });
}

export function newPass(): BeginPass {
  return {
    epoch: randomUUID(),
    pin: { keyId: 'key', versionId: 'v2' },
    planDigest: 'sha256:0',
    planParts: { source: 'a', store: 'b' },
    estimate: 12_000_000_000,
  };
}

export function newBatch(epoch: string, number: number, refs: readonly string[]): Batch {
  return { epoch, number, refs, late: false };
}

export function tally(some: Partial<Tally>): Tally {
  return { ...emptyTally, ...some };
}

export function newFailure(ref: string): RecordFailure {
  const time = '2026-01-02T03:04:05.678Z';
  return {
    ref,
    code: 'INVALID_ARGUMENT',
    message: `bad \0 “${ref.slice(0, 9)}”`,
    requestId: null,
    time,
    attempts: 1,
  };
}

/** In UTF-16 the last two are in the other order. */
export const oddRefs = [
  '["1"]',
  'b',
  'B',
  'a\0b',
  'with "quotes", \\ and {braces}, a\tb\n',
  '  ',
  'NULL',
  'ключ',
  'x'.repeat(5000),
  '\uffee',
  '\u{1f511}',
];
