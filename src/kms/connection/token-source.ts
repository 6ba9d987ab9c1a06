import { untilAborted } from './aborted.ts';

const hourMs = 3_600_000;
const longestMarginMs = 300_000;
/**
 * Granted to a token that our clock, which may be wrong,
 * takes for expired when it is issued: it is worth trying.
 */
const trialMs = 60_000;
const retryRefreshMs = 10_000;

/** Printable ASCII without blanks: a line break would end the `Authorization` header and begin another. */
export const headerSafeToken = /^[\x21-\x7e]+$/;

export interface IssuedToken {
  readonly token: string;
  /** From the moment it was asked for. */
  readonly lifetimeMs: number;
}

/** Where the token of each call comes from. Methods throw a `transient` or `rotation` fault. */
export interface TokenSource {
  /** No promise where a token is at hand: each call of the KMS passes here. */
  get(signal: AbortSignal | undefined): Promise<string> | string;
  /** A token newer than `refused`, which the KMS does not accept; null where there is no way to one. */
  replace(refused: string, signal: AbortSignal | undefined): Promise<string | null>;
  /** What a person can do when tokens are refused, as the second half of a sentence. */
  readonly remedy: string;
  close(): Promise<void>;
}

interface HeldToken {
  readonly token: string;
  readonly expiresAtMs: number;
  refreshAtMs: number;
}

/**
 * Keeps a token and refreshes it ahead of its expiry (a tenth of its lifetime ahead, five minutes at most;
 * after an hour at the latest, as Yandex Cloud advises), in the background while the old one serves. All
 * callers share one refresh. `nowMs` is monotonic, so that a clock set back keeps no dead token alive.
 */
export function createTokenCache(
  issue: () => Promise<IssuedToken>,
  nowMs: () => number = () => performance.now(),
): Pick<TokenSource, 'get' | 'replace'> {
  let held: HeldToken | null = null;
  let refreshing: Promise<string> | null = null;

  function refresh(): Promise<string> {
    // Not from the moment it is here: it ages on its way.
    const askedAtMs = nowMs();
    refreshing ??= issue()
      .then((issued) => {
        held = hold(issued, askedAtMs);
        return held.token;
      })
      .finally(() => {
        refreshing = null;
      });
    return refreshing;
  }

  /** A failure is no one's yet: whoever comes after the old token's expiry refreshes again and meets it. */
  function refreshBehind(old: HeldToken): void {
    old.refreshAtMs = nowMs() + retryRefreshMs;
    refresh().catch(() => {});
  }

  return {
    get(signal) {
      const now = nowMs();
      if (held === null || now >= held.expiresAtMs) return untilAborted(refresh, signal);
      if (now >= held.refreshAtMs) refreshBehind(held);
      return held.token;
    },
    async replace(refused, signal) {
      if (held !== null && held.token !== refused) return held.token;
      held = null;
      return untilAborted(refresh, signal);
    },
  };
}

function hold({ token, lifetimeMs }: IssuedToken, nowMs: number): HeldToken {
  const lifeMs = lifetimeMs > 0 ? lifetimeMs : trialMs;
  const marginMs = Math.min(lifeMs / 10, longestMarginMs);
  return { token, expiresAtMs: nowMs + lifeMs, refreshAtMs: nowMs + Math.min(lifeMs - marginMs, hourMs) };
}
