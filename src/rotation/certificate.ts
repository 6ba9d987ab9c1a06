import type { Pin } from './ports/ledger.ts';
import type { Excluded } from './ports/record-store.ts';

/**
 * How the versions were learned: `kms`: it was asked about every record; `header`: read from each
 * ciphertext's header, and a random sample of them asked about.
 */
export type CensusMethod = 'kms' | 'header+kms-sample';

/** Records of which the KMS is asked to confirm the header, at random over the whole store. */
export const headerSample = 200;

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

/** Where the chain of the audit log stood. */
export interface AuditHead {
  /** The hash of its last line. */
  readonly head: string;
  readonly entries: number;
}

/** Over the canonical JSON (RFC 8785) of the certificate without its member `signature`. */
export interface CertificateSignature {
  readonly algorithm: 'Ed25519';
  /** SubjectPublicKeyInfo (RFC 8410), base64. */
  readonly publicKey: string;
  /** `sha256:` and the first 16 hex digits of the digest of that. */
  readonly keyId: string;
  /** Base64. */
  readonly value: string;
}

/** The proof that the old version can go, or why it can not. */
export interface Certificate {
  readonly rotation: string;
  readonly verdict: 'safe-to-retire' | 'not-safe';
  /** In words; empty if safe. */
  readonly reasons: readonly string[];
  readonly target: Pin;
  readonly records: number;
  readonly byVersion: Readonly<Record<string, number>>;
  readonly unreadable: number;
  readonly method: CensusMethod;
  readonly configDigest: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly tool: string;
  /** What the records that this pass rotated were under; null where nobody knows. */
  readonly before: Readonly<Record<string, number>> | null;
  /** Null: nothing is left out. */
  readonly excluded: Excluded | null;
  /** What the census cannot see, whatever the verdict: `older versions of the objects`. */
  readonly caveats: readonly string[];
  readonly mode: 'rewrap' | 'regenerate';
  /** The KMS was to be asked about every record. */
  readonly deep: boolean;
  /** Passes that the rotation has had; null where the ledger does not know. */
  readonly passes: number | null;
  /** Null where no audit log is kept. */
  readonly audit: AuditHead | null;
  /** Null: not signed. */
  readonly signature: CertificateSignature | null;
}

/** What the application wrote under an old version, again and again while the rotation ran. */
export interface LateWriters {
  /** Records that the last census found so. */
  readonly records: number;
  /** Further rounds that had gone before it. */
  readonly rounds: number;
}

export interface CertificateParts {
  readonly rotation: string;
  readonly target: Pin;
  readonly census: CensusCount;
  /** Records that the ledger lists as failed. */
  readonly openFailures: number;
  readonly lateWriters?: LateWriters | null;
  /** As the store says (`RecordStore.caveats`). */
  readonly caveats: readonly string[];
  readonly excluded: Excluded | null;
  readonly mode: Certificate['mode'];
  readonly deep: boolean;
  readonly before?: Certificate['before'];
  readonly passes?: Certificate['passes'];
  readonly audit?: AuditHead | null;
  readonly configDigest: string;
  readonly tool: string;
}

/** What no census of any store can see. */
const standingCaveats = [
  'only the records as they lie in the store now were read: backups, replicas and older versions of the ' +
    'objects stay under the old key version, and are lost with it when it is destroyed',
  're-encryption does not undo a disclosure: whoever has had both an old ciphertext and the use of the old ' +
    'key version may know what it held',
  'each record was read once between the two times given: what is written later is not covered',
];

/** The verdict comes from the census of the store, never from the counts of a queue (invariant 6). */
export function certify(parts: CertificateParts): Certificate {
  const { census, target } = parts;
  const reasons = reasonsAgainst(parts);
  return {
    rotation: parts.rotation,
    verdict: reasons.length === 0 ? 'safe-to-retire' : 'not-safe',
    reasons,
    target,
    records: census.records,
    byVersion: census.byVersion,
    unreadable: census.unreadable,
    method: census.method,
    configDigest: parts.configDigest,
    startedAt: census.startedAt,
    finishedAt: census.finishedAt,
    tool: parts.tool,
    before: parts.before ?? null,
    excluded: parts.excluded,
    caveats: [...parts.caveats, ...standingCaveats],
    mode: parts.mode,
    deep: parts.deep,
    passes: parts.passes ?? null,
    audit: parts.audit ?? null,
    signature: null,
  };
}

function reasonsAgainst({ census, target, openFailures, lateWriters }: CertificateParts): string[] {
  const reasons: string[] = [];
  const oldVersions = Object.entries(census.byVersion).filter(([version]) => version !== target.versionId);
  for (const [version, records] of oldVersions) {
    reasons.push(
      `${records} of ${census.records} records are under version ${version}, not ${target.versionId}`,
    );
  }
  // Without an old version they are records that nobody can open, which is told below.
  if (lateWriters != null && lateWriters.records > 0 && oldVersions.length > 0) {
    const versions = oldVersions.map(([version]) => version).join(', ');
    reasons.push(
      `the application still writes under ${oldVersions.length === 1 ? 'version' : 'one of the versions'} ${versions}: ` +
        `after ${lateWriters.rounds} further passes the census found ${lateWriters.records} such records again; ` +
        `bring the application to version ${target.versionId}, then run again`,
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
