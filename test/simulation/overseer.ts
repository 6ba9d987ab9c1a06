import type { Tally } from '../../src/rotation/batch.ts';
import type { Certificate } from '../../src/rotation/certificate.ts';
import type { LedgerSnapshot } from '../../src/rotation/ports/ledger.ts';
import type { Ref, ReplaceOutcome, Replacement } from '../../src/rotation/record.ts';
import { isSealed, openSealed } from '../support/memory-kms.ts';
import type { MemoryLedger } from '../support/memory-ledger.ts';
import type { MemoryStore } from '../support/memory-store.ts';
import type { Process } from './network.ts';
import type { Scenario } from './scenario.ts';

export const pin = { keyId: 'k1', versionId: 'v2' } as const;

/** A record as the application knows it; `rubbish` is a value that no key opens. */
export interface Known {
  readonly plaintext: string;
  readonly rubbish: boolean;
  /** When the application wrote it. */
  readonly writtenAt: number;
}

/**
 * Knows what must be true, from what the application wrote and what took effect in the world alone: nothing
 * that keyturn says of itself is believed.
 */
export interface Overseer {
  /** What was found untrue, in words. */
  readonly violations: string[];
  readonly known: ReadonlyMap<Ref, Known>;
  /** The application writes; null deletes. */
  wrote(ref: Ref, record: Omit<Known, 'writtenAt'> | null): void;
  /** Changes reach the store, where `replace` makes them. */
  replacing(
    changes: readonly Replacement[],
    replace: () => Promise<ReplaceOutcome[]>,
  ): Promise<ReplaceOutcome[]>;
  /** A pass has begun, or begun again. */
  begun(epoch: string): void;
  /** The scan of the pass has reached the end of the store. */
  scanned(epoch: string): void;
  /** A worker has told the outcome of a batch. */
  settling(epoch: string, batch: number, tally: Tally): void;
  /** After each step of the ledger. */
  counted(snapshot: LedgerSnapshot): void;
  /** The broker has given away slots of the rate. */
  granted(calls: number): void;
  /** A process begins a call of the KMS. */
  asksKms(process: Process): void;
  /** A worker begins to write. */
  writes(process: Process): void;
  certified(certificate: Certificate): void;
  /** All is quiet and done: every record is where it shall be. */
  rested(): Promise<void>;
  violated(what: string): void;
}

/** How long a worker that hears nothing may work on: its batches' locks end then (`broker/queue.ts`). */
const lockMs = 12_000;
/** A worker that learns nothing of a pause cuts itself off after 5 s (`worker/heartbeat.ts`) and a failed beat. */
const holdBitesWithinMs = 10_000;

export function createOverseer(
  store: MemoryStore,
  ledger: () => MemoryLedger,
  aadOf: (ref: Ref) => string,
  { limits, notesVersion }: Scenario,
): Overseer {
  const violations: string[] = [];
  const known = new Map<Ref, Known>();
  const everGone = new Set<Ref>();
  const everBad = new Set<Ref>();
  const everOnPin = new Set<Ref>();
  let slots = 0;
  let kmsCalls = 0;
  /** Since when no worker may go on. */
  let heldSince: number | null = null;
  let pass = { epoch: '', swaps: 0, there: new Set<Ref>(), settled: new Set<number>(), scanned: false };

  function violated(what: string): void {
    violations.push(what);
  }

  /** Null where the record is under the pin; else what is wrong with it. */
  function staleness(ref: Ref, value: Uint8Array): string | null {
    const { keyId, versionId, aad } = openSealed(value);
    if (!isSealed(value)) return 'cannot be opened';
    if (keyId !== pin.keyId || versionId !== pin.versionId) return `is under ${keyId}/${versionId}`;
    return aad === aadOf(ref) ? null : `has the AAD ${aad}`;
  }

  function isOnPin(ref: Ref): boolean {
    const value = store.rows.get(ref)?.value;
    return value !== undefined && staleness(ref, value) === null;
  }

  function swapped(ref: Ref, newValue: Uint8Array): void {
    pass.swaps += 1;
    everOnPin.add(ref);
    const stale = staleness(ref, newValue);
    if (stale !== null) violated(`writes a value of ${ref} that ${stale}`);
    const { plaintext } = openSealed(newValue);
    const last = known.get(ref)?.plaintext;
    if (plaintext !== last) violated(`overwrites ${ref}, last written as ${last}, by ${plaintext}`);
  }

  /** One that was stopped since it heard of the broker knows nothing of the time that went by. */
  function isStopped({ frozenUntil, heardOfBrokerAt }: Process): boolean {
    return frozenUntil > heardOfBrokerAt;
  }

  function checkFinished({ tally, enqueued, epoch }: LedgerSnapshot): void {
    const { rotated, skipped, missing, failed } = tally;
    const sum = rotated + skipped + missing + failed;
    if (sum !== enqueued) violated(`finished with ${sum} of ${enqueued} references counted`);
    if (epoch !== pass.epoch) return;
    for (const { number } of ledger().staged())
      if (!pass.settled.has(number)) violated(`finished, but no worker has told of batch ${number}`);
  }

  return {
    violations,
    known,
    violated,
    wrote(ref, record) {
      if (record === null) {
        known.delete(ref);
        everGone.add(ref);
        pass.there.delete(ref);
        return;
      }
      if (record.rubbish) everBad.add(ref);
      if (isOnPin(ref)) everOnPin.add(ref);
      known.set(ref, { ...record, writtenAt: Date.now() });
    },
    async replacing(changes, replace) {
      const before = changes.map(({ ref }) => store.rows.get(ref)?.value);
      // It takes effect as it is called: before its outcomes come, the application may have written again.
      const replaced = replace();
      const made = changes.map(
        ({ ref, newValue }, index) => store.rows.get(ref)?.value === newValue && before[index] !== newValue,
      );
      for (const [index, { ref, newValue }] of changes.entries()) if (made[index]) swapped(ref, newValue);
      const outcomes = await replaced;
      for (const [index, { ref }] of changes.entries())
        if (outcomes[index] === 'replaced' && !made[index])
          violated(`${ref} is said to be replaced, and is not`);
      return outcomes;
    },
    begun(epoch) {
      if (epoch === pass.epoch) return;
      pass = { epoch, swaps: 0, there: new Set(store.rows.keys()), settled: new Set(), scanned: false };
    },
    scanned(epoch) {
      if (epoch !== pass.epoch || pass.scanned) return;
      pass.scanned = true;
      const enqueued = ledger()
        .staged()
        .filter(({ late }) => !late)
        .flatMap(({ refs }) => refs);
      if (new Set(enqueued).size < enqueued.length) violated('a record is enqueued twice');
      for (const ref of pass.there)
        if (!enqueued.includes(ref)) violated(`${ref} was there all the while, and is not enqueued`);
    },
    settling(epoch, batch, { skipped }) {
      if (epoch !== pass.epoch) return;
      pass.settled.add(batch);
      const staged = ledger().staged()[batch];
      if (staged === undefined) return;
      const onPin = staged.refs.filter((ref) => everOnPin.has(ref)).length;
      // A note of the version may be wrong, and is believed until the census.
      if (!notesVersion && skipped > onPin)
        violated(`${skipped} of batch ${batch} are skipped, and ${onPin} were ever under the pin`);
    },
    counted(snapshot) {
      const { tally, enqueued, settledBatches, batches, state, epoch, before } = snapshot;
      const { rotated, skipped, missing, failed } = tally;
      if (rotated + skipped + missing + failed > enqueued) violated(`more is counted than was enqueued`);
      if (settledBatches > batches) violated(`${settledBatches} of ${batches} batches are settled`);
      const sources = Object.values(before).reduce((sum, records) => sum + records, 0);
      if (sources !== rotated) violated(`${rotated} are rotated, but from versions of ${sources}`);
      if (state === 'finished') checkFinished(snapshot);
      if (state !== 'paused' && state !== 'cancelled') heldSince = null;
      else heldSince ??= Date.now();
      if (epoch !== pass.epoch) return;
      if (settledBatches > pass.settled.size)
        violated(`${settledBatches} batches are settled, and workers have told of ${pass.settled.size}`);
      // One swap may be found to be its own by two batches of one process, where the record is enqueued twice.
      const refs = ledger()
        .staged()
        .flatMap((batch) => batch.refs);
      const most = pass.swaps + refs.length - new Set(refs).size;
      if (rotated > most) violated(`${rotated} are counted as rotated, with ${pass.swaps} swaps`);
      const gone = ledger()
        .staged()
        .flatMap(({ refs }) => refs.filter((ref) => everGone.has(ref)));
      if (missing > gone.length) violated(`${missing} are counted as missing, ${gone.length} at most were`);
    },
    granted(calls) {
      slots += calls;
    },
    asksKms(process) {
      kmsCalls += 1;
      if (limits.rate !== null && kmsCalls > slots) violated(`${process.name} calls the KMS without a slot`);
      if (isStopped(process) || Date.now() - process.heardOfBrokerAt <= lockMs) return;
      violated(`${process.name} calls the KMS, though its batches may be another's by now`);
    },
    writes(process) {
      if (isStopped(process) || heldSince === null || Date.now() - heldSince <= holdBitesWithinMs) return;
      violated(`${process.name} writes, though the rotation is held`);
    },
    certified(certificate) {
      if (certificate.verdict !== 'safe-to-retire') return;
      const { byVersion, records, startedAt, target } = certificate;
      if (target.versionId !== pin.versionId) violated(`is safe for version ${target.versionId}`);
      if ((byVersion[pin.versionId] ?? 0) !== records) violated('is safe with records of other versions');
      for (const [ref, { value }] of store.rows) {
        const stale = staleness(ref, value);
        // What is written after its record was read is not covered.
        if (stale !== null && (known.get(ref)?.writtenAt ?? 0) < Date.parse(startedAt))
          violated(`says safe, but ${ref} ${stale}`);
      }
    },
    async rested() {
      for (const [ref, { plaintext, rubbish }] of known) {
        const value = store.rows.get(ref)?.value;
        if (value === undefined) violated(`${ref} is lost`);
        else if (rubbish) {
          if (Buffer.from(value).toString() !== plaintext) violated(`the rubbish in ${ref} was changed`);
        } else {
          const stale = staleness(ref, value);
          const found = openSealed(value).plaintext;
          if (stale !== null) violated(`in the end ${ref} ${stale}`);
          if (found !== plaintext) violated(`in the end ${ref} holds ${found}, not ${plaintext}`);
        }
      }
      for (const ref of store.rows.keys()) if (!known.has(ref)) violated(`${ref} came back`);
      for (const { ref, code } of await ledger().failures(null, 1000))
        if (!everBad.has(ref))
          violated(`${ref} was set aside with ${code}, though nothing was wrong with it`);
    },
  };
}
