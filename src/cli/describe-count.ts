/** `1,204,311`. */
export function describeCount(count: number): string {
  return count.toLocaleString('en-US');
}
