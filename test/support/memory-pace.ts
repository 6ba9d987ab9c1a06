import { formatRate, paceRule } from '../../src/broker/pace-rule.ts';
import type { Pace } from '../../src/rotation/ports/pace.ts';

/** What paces of one rotation share. */
export interface PaceState {
  nextSlot: number;
  notBefore: number;
  share: number;
  quietSince: number;
  fellAt: number;
  configured: number | null;
  configuredAt: number;
  live: { rate: number; over: number } | null;
}

export function createPaceState(): PaceState {
  return {
    nextSlot: 0,
    notBefore: 0,
    share: 1,
    quietSince: 0,
    fellAt: -Infinity,
    configured: null,
    configuredAt: 0,
    live: null,
  };
}

/** The pace of the brokers (`broker/pace-rule.ts`) in memory, by a clock in milliseconds. */
export function createMemoryPace(state: PaceState, configuredRate: number | null, now = Date.now): Pace {
  const configured = configuredRate ?? Infinity;
  const limit = (): number => (state.live?.over === configured ? state.live.rate : configured);
  const share = (): number =>
    Math.min(1, state.share + (paceRule.climbPerSecond * Math.max(0, now() - state.quietSince)) / 1000);

  function dropCarryOver(): void {
    state.nextSlot = Math.min(state.nextSlot, now() + paceRule.carryOverMs);
  }

  function noticeConfig(): void {
    if (state.configured === configured) return;
    if (now() - state.configuredAt > paceRule.settledConfigMs) dropCarryOver();
    state.configured = configured;
    state.configuredAt = now();
  }

  return {
    async take(calls) {
      noticeConfig();
      const effectiveRate = limit() * share();
      const asked = now();
      const start = Math.max(asked, state.notBefore);
      if (effectiveRate === Infinity) return { delayMs: start - asked, spacingMs: 0, effectiveRate };
      const spacingMs = (1000 * paceRule.reserve) / effectiveRate;
      const first = Math.max(start, state.nextSlot);
      state.nextSlot = first + calls * spacingMs;
      return { delayMs: first - asked, spacingMs, effectiveRate };
    },
    async penalize(retryAfterMs) {
      state.notBefore = Math.max(state.notBefore, now() + retryAfterMs);
      let left = share();
      if (now() - state.fellAt >= paceRule.betweenFallsMs) {
        left = Math.max(paceRule.floor, left * paceRule.fallTo);
        state.fellAt = now();
      }
      state.share = left;
      state.quietSince = now();
    },
    async setRate(ratePerSecond) {
      const rate = Number(formatRate(ratePerSecond));
      if (rate !== limit()) dropCarryOver();
      state.live = { rate, over: configured };
    },
    rates: async () => ({ configured: finite(limit()), effective: finite(limit() * share()) }),
  };
}

function finite(rate: number): number | null {
  return rate === Infinity ? null : rate;
}
