/** How often a property is tried: `usual` times, 20 times as often with SLOW=1. */
export function runs(usual = 100): { numRuns: number } {
  return { numRuns: process.env['SLOW'] === '1' ? usual * 20 : usual };
}
