/** At most this share of failures is taken for the state of the KMS; more is an outage. */
const shareCap = 0.5;
/** A run of failures less likely than this under a brown-out is the record's own fault. */
const implausible = 1e-6;
/** Old calls lose half their weight each time this many new ones have come. */
const memory = 1000;

/**
 * What the calls of this process tell about the KMS as a whole, to tell a poisonous record from a brown-out:
 * if a third of all calls fail, eight failures in a row are bad luck for one record in 6,600; if hardly any
 * fails, they are its own fault.
 */
export interface CallHealth {
  /** Calls that succeeded so far, of any record: unchanged between two tries of a record = an outage. */
  readonly successes: () => number;
  /** A call was answered (a refused record is an answer). `first`: it was the first try of its record. */
  succeeded(first: boolean): void;
  /** A call failed for now. Only first tries count, so that one record does not paint the picture. */
  failed(first: boolean): void;
  /** Whether `failures` in a row, while others succeeded, are the record's own fault. */
  blamesRecord(failures: number, attempts: number): boolean;
}

/** The largest share of failing calls that so few tries make likely: two standard deviations above what was seen. */
function likelyShare(failures: number, tries: number): number {
  if (tries === 0) return 0;
  const seen = failures / tries;
  return Math.min(shareCap, seen + 2 * Math.sqrt((seen * (1 - seen)) / tries));
}

export function createCallHealth(): CallHealth {
  let successes = 0;
  let firstTries = 0;
  let firstFailures = 0;

  function countFirst(failure: 0 | 1): void {
    if (firstTries >= memory) {
      firstTries /= 2;
      firstFailures /= 2;
    }
    firstTries += 1;
    firstFailures += failure;
  }

  return {
    successes: () => successes,
    succeeded(first) {
      successes += 1;
      if (first) countFirst(0);
    },
    failed(first) {
      if (first) countFirst(1);
    },
    blamesRecord(failures, attempts) {
      return failures >= attempts && likelyShare(firstFailures, firstTries) ** failures <= implausible;
    },
  };
}
