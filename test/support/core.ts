import type { Batch } from '../../src/rotation/batch.ts';
import { parseAadTemplate } from '../../src/rotation/aad-template.ts';
import { createCallHealth } from '../../src/rotation/calls/call-health.ts';
import { createLanes } from '../../src/rotation/calls/lanes.ts';
import { createPacer } from '../../src/rotation/calls/pacer.ts';
import type { ReEncryptDeps } from '../../src/rotation/calls/re-encrypt-records.ts';
import { createProveRewrapped } from '../../src/rotation/calls/prove-rewrapped.ts';
import { createRewrapValues } from '../../src/rotation/calls/rewrap-values.ts';
import { createSharedResults } from '../../src/rotation/calls/shared-results.ts';
import { Fault } from '../../src/rotation/faults.ts';
import { createFormat } from '../../src/rotation/formats/create-format.ts';
import { createGoal, type Goal } from '../../src/rotation/goal.ts';
import type { Pace } from '../../src/rotation/ports/pace.ts';
import type { BatchDeps } from '../../src/worker/process-batch.ts';
import type { WriteOutcome } from '../../src/rotation/write-outcome.ts';
import { createMemoryKms, sealFor, type MemoryKms } from './memory-kms.ts';
import { createMemoryStore, type MemoryStore } from './memory-store.ts';

/** A pace without a limit that notes its penalties. */
export function createFreePace(): Pace & { penalties: number[] } {
  const penalties: number[] = [];
  return {
    penalties,
    take: async () => ({ delayMs: 0, spacingMs: 0, effectiveRate: Infinity }),
    penalize: async (retryAfterMs) => void penalties.push(retryAfterMs),
    setRate: async () => undefined,
    rates: async () => ({ configured: null, effective: null }),
  };
}

export interface Core {
  readonly kms: MemoryKms;
  readonly store: MemoryStore;
  readonly pace: ReturnType<typeof createFreePace>;
  readonly calls: ReEncryptDeps;
  /** KMS calls that equal ciphertexts saved. */
  readonly saved: { batch: number; cache: number };
  readonly deps: BatchDeps;
  readonly faults: Fault[];
  /** What came of the written records that were checked. */
  readonly checked: WriteOutcome[];
  /** Puts records `1`…`n` under a version of key k1. */
  seed(count: number, versionId?: string): string[];
}

export function goalOf(options: { sourceKey?: string; sourceAad?: string; targetAad?: string } = {}): Goal {
  const { sourceKey = 'k1', sourceAad = 'c/{id}', targetAad = 'c/{id}' } = options;
  return createGoal(
    { keyId: sourceKey, aad: parseAadTemplate(sourceAad) },
    { keyId: 'k1', aad: parseAadTemplate(targetAad) },
    'v2',
  );
}

/** The parts that the core works with, in memory. */
export function createCore(options: { goal?: Goal; attempts?: number } = {}): Core {
  const kms = createMemoryKms();
  const store = createMemoryStore();
  const pace = createFreePace();
  const faults: Fault[] = [];
  const onFault = (fault: Fault): void => void faults.push(fault);
  const checked: WriteOutcome[] = [];
  const saved = { batch: 0, cache: 0 };
  const calls: ReEncryptDeps = {
    keyService: kms,
    pacer: createPacer(pace, { waited: () => undefined, fault: onFault }),
    health: createCallHealth(),
    lanes: createLanes(8),
    retry: { attempts: options.attempts ?? 3, initialMs: 1, maxMs: 4 },
    onFault,
    rateUnit: 'calls',
    aadIsOwn: false,
    shared: createSharedResults((by, count) => {
      saved[by] += count;
    }),
  };
  return {
    kms,
    store,
    pace,
    calls,
    saved,
    faults,
    checked,
    deps: {
      store,
      format: createFormat('raw'),
      goal: options.goal ?? goalOf(),
      keyService: kms,
      renewValues: createRewrapValues(calls),
      writeCheck: {
        share: 0,
        random: Math.random,
        proveReadable: createProveRewrapped(calls),
        onChecked: (outcome) => void checked.push(outcome),
      },
      onFault,
    },
    seed(count, versionId = 'v1') {
      const refs = Array.from({ length: count }, (_, index) => String(index + 1));
      for (const ref of refs) {
        store.rows.set(ref, {
          value: sealFor('k1', versionId, `c/${ref}`, `plain-${ref}`),
          keyVersion: null,
        });
      }
      return refs;
    },
  };
}

export function batchOf(refs: readonly string[], late = false): Batch {
  return { epoch: 'e1', number: 0, refs, late };
}

export const transient = (code = 'UNAVAILABLE'): Fault =>
  new Fault('transient', code, 'KMS is out of reach', { peer: 'kms' });
export const throttled = (retryAfterMs?: number): Fault =>
  new Fault('transient', 'RESOURCE_EXHAUSTED', 'KMS says we are too fast', {
    peer: 'kms',
    throttled: true,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  });
export const forbidden = (): Fault =>
  new Fault('rotation', 'PERMISSION_DENIED', 'KMS denies the permission', { peer: 'kms' });
