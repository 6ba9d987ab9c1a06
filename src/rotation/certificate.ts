import type { Pin } from './ports/ledger.ts';

/**
 * How the versions were learned: `kms`: it was asked about every record; `header`: read from each
 * ciphertext's header, and a random sample of them asked about.
 */
export type CensusMethod = 'kms' | 'header+kms-sample';

/** What a census found, reading every record of the store. */
export interface CensusCount {
  readonly records: number;
  readonly byVersion: Readonly<Record<string, number>>;
  /** Records that no key opens, or whose format does not fit. */
  readonly unreadable: number;
  /** Sampled records of which the KMS did not confirm the version that their header names. */
  readonly contradicted: number;
  readonly method: CensusMethod;
  readonly startedAt: string;
  readonly finishedAt: string;
}

/** The proof that the old version can go, or why it can not. */
export interface Certificate {
  readonly rotation: string;
  readonly verdict: 'safe-to-retire' | 'not-safe';
  /** In words; empty if safe. */
  readonly reasons: readonly string[];
  /** What the census cannot see, whatever the verdict: `older versions of the objects`. */
  readonly caveats: readonly string[];
  readonly target: Pin;
  readonly records: number;
  readonly byVersion: Readonly<Record<string, number>>;
  readonly unreadable: number;
  readonly method: CensusMethod;
  readonly configDigest: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly tool: string;
}

export interface CertificateParts {
  readonly rotation: string;
  readonly target: Pin;
  readonly census: CensusCount;
  /** Records that the ledger lists as failed. */
  readonly openFailures: number;
  /** As the store says (`RecordStore.caveats`). */
  readonly caveats: readonly string[];
  readonly configDigest: string;
  readonly tool: string;
}

/** The verdict comes from the census of the store, never from the counts of a queue (invariant 6). */
export function certify(parts: CertificateParts): Certificate {
  const { census, target } = parts;
  const reasons = reasonsAgainst(parts);
  return {
    rotation: parts.rotation,
    verdict: reasons.length === 0 ? 'safe-to-retire' : 'not-safe',
    reasons,
    caveats: parts.caveats,
    target,
    records: census.records,
    byVersion: census.byVersion,
    unreadable: census.unreadable,
    method: census.method,
    configDigest: parts.configDigest,
    startedAt: census.startedAt,
    finishedAt: census.finishedAt,
    tool: parts.tool,
  };
}

function reasonsAgainst({ census, target, openFailures }: CertificateParts): string[] {
  const reasons: string[] = [];
  for (const [version, records] of Object.entries(census.byVersion)) {
    if (version === target.versionId) continue;
    reasons.push(
      `${records} of ${census.records} records are under version ${version}, not ${target.versionId}`,
    );
  }
  if (census.unreadable > 0) {
    reasons.push(`${census.unreadable} records could not be opened, so their version is not known`);
  }
  if (census.contradicted > 0) {
    reasons.push(
      `the KMS did not confirm the version in the header of ${census.contradicted} sampled records; ` +
        "run 'keyturn verify --deep'",
    );
  }
  if (openFailures > 0) {
    reasons.push(`${openFailures} failed records are open; see 'keyturn failures', mend them and run again`);
  }
  return reasons;
}
