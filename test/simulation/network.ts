import { Fault, type FaultPeer } from '../../src/rotation/faults.ts';
import type { Random } from './random.ts';

/** A process of keyturn, as the world around it sees it. */
export interface Process {
  readonly name: string;
  /** A dead one goes on computing, but nothing it does reaches the world, and it hears nothing of it. */
  alive: boolean;
  /** Stopped (SIGSTOP) until then: nothing goes out or comes in. */
  frozenUntil: number;
  /** Peers that it cannot reach now. */
  readonly cutOff: Set<FaultPeer>;
  readonly crashed: AbortController;
  /** When it last heard of the broker. */
  heardOfBrokerAt: number;
}

/** What may become of a call. `torn`: a part of it takes effect, then it fails. */
export const fates = [
  'refused',
  'request lost',
  'reply lost',
  'takes effect late',
  'torn',
  'slow',
  'crash before',
  'crash after',
] as const;
export type Fate = (typeof fates)[number];

/** Once for a batch, where others are made for each record: they meet trouble more often, to meet all of it. */
const seldom: ReadonlySet<string> = new Set(['replace', 'settle']);
const seldomWeight = 4;

export interface CallOptions<Result> {
  /** Abandons the call at once; what it does may still be done. */
  readonly signal?: AbortSignal;
  /** Does a part of the work, where it has parts. */
  readonly torn?: (() => Promise<Result>) | undefined;
  /** What the history shall tell of it. */
  readonly detail?: (() => string) | undefined;
}

export interface Network {
  /** The fates that calls may meet now, and how often. */
  trouble: { readonly fates: readonly Fate[]; readonly share: number };
  /** A call of `process` to `peer`: `effect` is what the peer does, in one step. */
  call<Result>(
    process: Process,
    peer: FaultPeer,
    what: string,
    effect: () => Promise<Result>,
    options?: CallOptions<Result>,
  ): Promise<Result>;
  crash(process: Process, why: string): void;
  /** Alive, not stopped, and with a way to the peer. */
  reaches(process: Process, peer: FaultPeer): boolean;
}

/** Carries the calls of processes to their peers, and loses, delays, repeats and breaks them. */
export function createNetwork(
  random: Random,
  note: (who: string, what: string, detail?: () => string) => void,
): Network {
  const after = (ms: number, act: () => void): void => {
    if (ms <= 0) act();
    else setTimeout(act, ms);
  };
  const latency = (): number => (random.chance(0.6) ? 0 : random.between(1, 40));
  function drawFate(what: string): Fate | null {
    const { fates: possible, share } = network.trouble;
    const chance = share * (seldom.has(what) ? seldomWeight : 1);
    return possible.length > 0 && random.chance(chance) ? random.pick(possible) : null;
  }

  const network: Network = {
    trouble: { fates: [], share: 0 },
    async call(process, peer, what, effect, { signal, torn, detail } = {}) {
      if (!process.alive) return new Promise(() => undefined);
      const fate = drawFate(what);
      if (fate !== null) note(process.name, `${what}: ${fate}`, detail);
      if (fate === 'crash before') network.crash(process, `at ${what}`);
      /** Whether a request that is on its way arrives when its process has died. */
      const outlives = random.chance(0.5);
      const timeoutMs = random.between(5, 2500);
      const wayMs = fate === 'slow' ? random.between(200, 4000) : latency();

      return new Promise((resolve, reject) => {
        /** Tells the process, as soon as it can hear, if it lives. */
        function tell(act: () => void): void {
          // Else Node keeps the signal, and all that waits for it, for ever.
          signal?.removeEventListener('abort', giveUp);
          if (!process.alive) return;
          const frozenMs = process.frozenUntil - Date.now();
          if (frozenMs > 0) setTimeout(() => tell(act), frozenMs);
          else act();
        }
        const fail = (): void => tell(() => reject(outOfReach(peer)));
        const giveUp = (): void => tell(() => reject(aborted(peer)));
        signal?.addEventListener('abort', giveUp, { once: true });

        function arrive(): void {
          const frozenMs = process.frozenUntil - Date.now();
          if (process.alive && frozenMs > 0) return after(frozenMs, arrive);
          if (!process.alive && !outlives) return;
          if (process.cutOff.has(peer) || fate === 'request lost') return after(timeoutMs, fail);
          if (fate === 'refused') return fail();
          if (fate === 'takes effect late') {
            after(timeoutMs, fail);
            after(timeoutMs + random.between(0, 10_000), () => {
              note(process.name, `${what}: takes effect now`, detail);
              effect().catch(() => undefined);
            });
            return;
          }
          const done = fate === 'torn' ? (torn ?? effect)() : effect();
          if (fate === 'crash after') network.crash(process, `after ${what}`);
          if (fate === 'reply lost' || fate === 'torn') {
            done.catch(() => undefined);
            return after(random.chance(0.5) ? 0 : timeoutMs, fail);
          }
          const backMs = latency();
          const hear = (act: () => void): void =>
            after(backMs, () =>
              tell(() => {
                if (peer === 'broker') process.heardOfBrokerAt = Date.now();
                act();
              }),
            );
          done.then(
            (result) => hear(() => resolve(result)),
            (error: unknown) => hear(() => reject(error)),
          );
        }
        after(wayMs, arrive);
      });
    },
    crash(process, why) {
      if (!process.alive) return;
      note(process.name, `dies ${why}`);
      process.alive = false;
      process.crashed.abort();
    },
    reaches: (process, peer) =>
      process.alive && process.frozenUntil <= Date.now() && !process.cutOff.has(peer),
  };
  return network;
}

function outOfReach(peer: FaultPeer): Fault {
  const code = { kms: 'UNAVAILABLE', store: 'STORE_UNREACHABLE', broker: 'BROKER_UNREACHABLE' }[peer];
  return new Fault('transient', code, `${peer} is out of reach`, { peer });
}

function aborted(peer: FaultPeer): Fault {
  return new Fault('transient', 'ABORTED', 'stopped', { peer });
}
