import type { Tally } from '../rotation/batch.ts';
import type { PauseCause } from '../rotation/ports/ledger.ts';

/** What a command adds to its last line. */
export interface CommandDetails {
  readonly verdict?: string;
  /** How many records were put back, by `retry` into the queue or by `rollback` into the store. */
  readonly records?: number;
  /** KMS calls per second; null = no limit. */
  readonly oldRate?: number | null;
  readonly newRate?: number | null;
}

/**
 * What is written down: each command that may change something, each change of a rotation's state, each
 * batch. Names, counts, codes and reasons only; never a reference, and nothing of a record's content.
 */
export type AuditEvent =
  | { readonly event: 'command.started'; readonly command: string }
  | ({
      readonly event: 'command.ended';
      readonly command: string;
      readonly exitCode: number;
      /** Of the fault that ended it; null if none did. */
      readonly code: string | null;
    } & CommandDetails)
  | {
      readonly event: 'rotation.begun';
      readonly pass: number;
      readonly keyId: string | null;
      readonly versionId: string | null;
      readonly planDigest: string | null;
      /** The broker had lost batches of the pass before. */
      readonly restarted: boolean;
    }
  | { readonly event: 'rotation.paused'; readonly cause: PauseCause; readonly reason: string }
  | { readonly event: 'rotation.resumed' | 'rotation.cancelled'; readonly pass: number }
  /** A census found late writers, so that the finished pass goes on. */
  | { readonly event: 'rotation.extended'; readonly pass: number }
  | ({
      readonly event: 'rotation.finished';
      readonly pass: number;
      readonly enqueued: number;
      readonly finishedAt: string | null;
    } & Tally)
  | ({
      readonly event: 'batch.settled';
      readonly pass: number;
      readonly batch: number;
      /** How many records failed with which code. */
      readonly codes: Readonly<Record<string, number>>;
    } & Tally)
  /** The line before this one is the half of one that a process was writing when it died. */
  | { readonly event: 'torn'; readonly bytes: number; readonly digest: string };

/** Who writes, and for which rotation. */
export interface AuditOrigin {
  readonly rotation: string;
  readonly actor: string;
  readonly host: string;
  readonly pid: number;
  /** `keyturn 1.0.0`. */
  readonly tool: string;
}
