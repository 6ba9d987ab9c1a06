/**
 * What came of the check of a written record. `changed`: the application wrote it anew or removed it, so it
 * is not judged. `unanswered`: an outage or a stop came first.
 */
export const writeOutcomes = ['readable', 'unreadable', 'changed', 'unanswered'] as const;
export type WriteOutcome = (typeof writeOutcomes)[number];
