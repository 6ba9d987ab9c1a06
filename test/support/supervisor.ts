import { setTimeout as delay } from 'node:timers/promises';
import { startCli, type CliResult, type RunningCli } from './cli.ts';

/** What Kubernetes does with a pod that ended: `always` as in a Deployment, `onFailure` as in a Job. */
export interface PodSpec {
  readonly name: string;
  readonly args: readonly string[];
  readonly restart: 'always' | 'onFailure';
}

/** A process that is started again whenever it ends, as Kubernetes would, until it is let go. */
export interface Pod {
  readonly name: string;
  /** SIGKILL, SIGSTOP or SIGCONT to the process that runs now, if any; false if none does. */
  send(signal: NodeJS.Signals): boolean;
  /** All processes that it was so far, with how they ended. */
  readonly ends: readonly CliResult[];
  /** The last lines of the process that runs now. */
  readonly lastWords: () => string;
  /** Done for good: a Job that has succeeded. */
  readonly completed: () => boolean;
  /** Ends it with SIGTERM; nothing comes after it. */
  release(): Promise<void>;
}

/** Kubernetes waits ten seconds at first; less, so that a short storm sees more. */
const restartAfterMs = 700;

export function startPod({ name, args, restart }: PodSpec, env: NodeJS.ProcessEnv): Pod {
  const ends: CliResult[] = [];
  const released = new AbortController();
  let completed = false;
  let running: RunningCli | null = null;

  async function live(): Promise<void> {
    while (!released.signal.aborted && !completed) {
      running = startCli(args, env);
      const end = await running.ended;
      running = null;
      ends.push(end);
      completed = restart === 'onFailure' && end.code === 0;
      if (!completed)
        await delay(restartAfterMs, undefined, { signal: released.signal }).catch(() => undefined);
    }
  }
  const lived = live();

  return {
    name,
    send: (signal) => running?.child.kill(signal) ?? false,
    ends,
    lastWords: () => running?.stderr().split('\n').slice(-6).join('\n') ?? '',
    completed: () => completed,
    async release() {
      released.abort();
      running?.child.kill('SIGCONT');
      running?.child.kill('SIGTERM');
      await lived;
    },
  };
}
