const windowMs = 10_000;
/**
 * What a storm may add to ten seconds: calls that a slow link kept back, and slots that a Redis without its
 * last second gave out twice.
 */
const graceMs = 1500;
const toleratedShare = 1.02;

/** The most calls that came to the KMS within ten seconds, and how many the rate allows for. */
export function busiestTenSeconds(
  calls: readonly { readonly at: number }[],
  ratePerSecond: number,
): { most: number; allowed: number } {
  let first = 0;
  let most = 0;
  calls.forEach(({ at }, index) => {
    while ((calls[first]?.at ?? at) < at - windowMs) first += 1;
    most = Math.max(most, index - first + 1);
  });
  return { most, allowed: (ratePerSecond * (windowMs + graceMs) * toleratedShare) / 1000 };
}
