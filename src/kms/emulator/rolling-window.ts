/** Admits at most `limit` in any window of `windowMs`, wherever the window begins. */
interface RollingWindow {
  /** True if one more fits at this moment; then it is counted. `atMs` must not go backwards. */
  admit(atMs: number): boolean;
}

export function createRollingWindow(limit: number, windowMs: number): RollingWindow {
  /** A ring of the last `limit` admissions: a full one needs its oldest to have left the window. */
  const admissions: number[] = [];
  let oldest = 0;
  return {
    admit(atMs) {
      if (admissions.length < limit) {
        admissions.push(atMs);
        return true;
      }
      const leavesAt = (admissions[oldest] ?? 0) + windowMs;
      if (atMs < leavesAt) return false;
      admissions[oldest] = atMs;
      oldest = (oldest + 1) % limit;
      return true;
    },
  };
}
