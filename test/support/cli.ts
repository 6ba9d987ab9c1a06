import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCli {
  readonly child: ChildProcess;
  readonly ended: Promise<CliResult>;
  stdout(): string;
  stderr(): string;
}

/** V8 would optimise the WebAssembly of an embedded database for longer than a command of a test takes. */
const briefly = ['--liftoff-only'];
const started = new Set<ChildProcess>();
// Also when a test fails half-way: nothing is left running.
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL');
});

/** Starts the built command, as a user does. */
export function startCli(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  killAfterMs?: number,
): RunningCli {
  const child = spawn(process.execPath, [...briefly, 'dist/cli/main.js', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    ...(killAfterMs === undefined ? {} : { timeout: killAfterMs, killSignal: 'SIGKILL' as const }),
  });
  started.add(child);
  child.once('exit', () => started.delete(child));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }));
  return { child, ended, stdout: () => stdout, stderr: () => stderr };
}

export function runCli(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<CliResult> {
  return startCli(args, env).ended;
}

/** A config file in a folder of its own; JSON is YAML. */
export function writeConfig(config: object): Promise<string> {
  return writeConfigText(JSON.stringify(config, null, 2));
}

export async function writeConfigText(text: string, name = 'rotation.yaml'): Promise<string> {
  const file = join(await mkdtemp(join(tmpdir(), 'keyturn-config-')), name);
  await writeFile(file, text);
  return file;
}
