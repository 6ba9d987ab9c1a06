import { isDeepStrictEqual } from 'node:util';
import type { ProveReadable, Readability } from '../rotation/calls/readability.ts';
import { asFault, Fault } from '../rotation/faults.ts';
import { openRecord, type OpenRecord } from '../rotation/open-record.ts';
import type { Ref, StoredRecord } from '../rotation/record.ts';
import type { WriteOutcome } from '../rotation/write-outcome.ts';
import type { BatchDeps } from './process-batch.ts';
import { isSame, type Renewal } from './renew-records.ts';

/** How written records are proven to be readable. */
export interface WriteCheck {
  /** The chance of each written record to be checked: 0 none, 1 all. */
  readonly share: number;
  /** As `Math.random`. */
  readonly random: () => number;
  readonly proveReadable: ProveReadable;
  /** Told of each record that is checked. */
  readonly onChecked: (outcome: WriteOutcome) => void;
}

export interface VerifyDeps extends Pick<BatchDeps, 'format' | 'goal' | 'onFault' | 'writeCheck'> {
  /** As the store's, and waits an outage out. */
  readonly read: (refs: readonly Ref[]) => Promise<StoredRecord[]>;
}

interface WritesVerified {
  /** What was written and nobody can open. */
  readonly unreadable: ReadonlyMap<Ref, Fault>;
  /** For which the rotation must not go on. */
  readonly stoppedBy: Fault | null;
}

/**
 * Reads a random share of what was written again and has the KMS open it: a reply names key and version, but
 * nothing in it shows that its ciphertext is a ciphertext. An outage, or a stop, leaves the rest unanswered.
 * Never throws.
 */
export async function verifyWrites(
  written: readonly Renewal[],
  deps: VerifyDeps,
  signal: AbortSignal,
): Promise<WritesVerified> {
  const { format, goal, onFault, read, writeCheck } = deps;
  const sampled = written.filter(() => writeCheck.random() < writeCheck.share);
  const unreadable = new Map<Ref, Fault>();
  if (sampled.length === 0) return { unreadable, stoppedBy: null };

  const outcomes = new Map<Ref, WriteOutcome>(sampled.map(({ record }) => [record.ref, 'unanswered']));
  function note(ref: Ref, readability: Readability): void {
    outcomes.set(ref, readability.kind);
    if (readability.kind === 'unreadable') unreadable.set(ref, cannotBeOpened(readability.fault));
    if (readability.kind === 'unanswered') onFault(readability.fault);
  }

  let stoppedBy: Fault | null = null;
  try {
    const records = new Map((await read([...outcomes.keys()])).map((record) => [record.ref, record]));
    const toProve: OpenRecord[] = [];
    for (const renewal of sampled) {
      const { ref } = renewal.record;
      const record = records.get(ref);
      if (record === undefined || !isUntouched(renewal, record)) {
        outcomes.set(ref, 'changed');
        continue;
      }
      try {
        toProve.push(openRecord(format, record));
      } catch (error) {
        note(ref, { kind: 'unreadable', fault: asFault(error) });
      }
    }
    const onProof = ({ record }: OpenRecord, readability: Readability): void => note(record.ref, readability);
    stoppedBy = await writeCheck.proveReadable(goal, toProve, onProof, signal);
  } catch (error) {
    stoppedBy = asFault(error);
  }
  for (const outcome of outcomes.values()) writeCheck.onChecked(outcome);
  if (unreadable.size > 0) return { unreadable, stoppedBy: mustStop(unreadable.size, sampled.length) };
  if (stoppedBy === null || stoppedBy.faultClass === 'rotation') return { unreadable, stoppedBy };
  if (stoppedBy.code !== 'ABORTED') onFault(stoppedBy);
  return { unreadable, stoppedBy: null };
}

/** The value is the one that was written, and what its AAD is made of is what it was. */
function isUntouched({ record, newValue }: Renewal, now: StoredRecord): boolean {
  return isSame(newValue, now.value) && isDeepStrictEqual(now.fields, record.fields);
}

const remedy =
  "bring the old value back, by 'keyturn rollback' where store.journal is on, else from a backup";

function cannotBeOpened(fault: Fault): Fault {
  return new Fault(
    'record',
    'WRITTEN_UNREADABLE',
    `what was written cannot be opened any more (${fault.code}); ${remedy}`,
    { peer: 'kms', ...(fault.requestId === undefined ? {} : { requestId: fault.requestId }) },
  );
}

function mustStop(unreadable: number, checked: number): Fault {
  return new Fault(
    'rotation',
    'WRITTEN_UNREADABLE',
    `${unreadable} of ${checked} written records that were checked cannot be opened (WRITTEN_UNREADABLE), and to go on ` +
      `would destroy more; see 'keyturn failures', ${remedy}, and find out what the KMS, or a proxy before it, replies`,
    { peer: 'kms' },
  );
}
