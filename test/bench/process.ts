import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';

export interface BenchProcess {
  readonly child: ChildProcess;
  stdout(): string;
  /** Resolves with what it printed; throws where it failed, not where it was killed. */
  readonly ended: Promise<string>;
}

/** A Node process as its user starts it: none of the flags that the tests start theirs with. */
export function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): BenchProcess {
  const child = spawn(process.execPath, [...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
  });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  const ended = once(child, 'close').then(() => {
    if (child.exitCode !== 0 && child.signalCode === null)
      throw new Error(`${args.join(' ')}: exit ${child.exitCode}`);
    return stdout;
  });
  ended.catch(() => undefined);
  return { child, stdout: () => stdout, ended };
}

/** One of keyturn's commands. */
export function keyturn(command: string, config: string, ...flags: readonly string[]): BenchProcess {
  return start(['dist/cli/main.js', command, '-c', config, ...flags]);
}
