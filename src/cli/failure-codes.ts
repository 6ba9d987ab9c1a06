import type { Ledger } from '../rotation/ports/ledger.ts';

/** No more failures than this are read for their codes. */
const atMost = 1000;

/** Open failures by code, the most frequent first. */
export type FailureCodes = Readonly<Record<string, number>>;

/** Counts the failures by code; of more than a thousand the first thousand. */
export async function readFailureCodes(ledger: Pick<Ledger, 'failures'>): Promise<FailureCodes> {
  const counts = new Map<string, number>();
  for (const { code } of await ledger.failures(null, atMost)) counts.set(code, (counts.get(code) ?? 0) + 1);
  return Object.fromEntries([...counts].toSorted(([, a], [, b]) => b - a));
}
