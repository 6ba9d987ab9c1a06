import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { serverBinary } from './binaries.ts';

/** A server of the test's own, in a temporary folder, on a free port of 127.0.0.1. */
export interface TestServer {
  readonly url: string;
  readonly port: number;
  /** Where it keeps its data. */
  readonly dir: string;
  readonly pid: () => number;
  /** Ends it at once with all of its processes, without a clean shutdown; the data folder stays. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

const startTimeoutMs = 20_000;

export async function startRedis(extraArgs: readonly string[] = []): Promise<TestServer> {
  const port = await freePort();
  return startServer('redis', `redis://127.0.0.1:${port}`, port, (dir) => ({
    command: serverBinary('redis-server'),
    args: ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', '', ...extraArgs],
    killSignal: 'SIGKILL',
    answers: () => accepts(port),
  }));
}

export async function startPostgres(): Promise<TestServer> {
  const port = await freePort();
  const owner = postgresOwner();
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  return startServer('pg', url, port, (dir) => {
    const data = join(dir, 'data');
    if (owner !== undefined) chownSync(dir, owner.uid, owner.gid);
    execFileSync(
      serverBinary('initdb'),
      ['-D', data, '-U', 'postgres', '--auth=trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'],
      { stdio: 'ignore', ...owner },
    );
    return {
      command: serverBinary('postgres'),
      // No fsync: the tests kill processes, never the machine.
      args: [
        '-D',
        data,
        '-p',
        String(port),
        '-h',
        '127.0.0.1',
        '-k',
        dir,
        '-c',
        'fsync=off',
        '-c',
        'max_connections=200',
      ],
      // Its immediate shutdown: of a postmaster killed alone, the backends go on, and bar the next start.
      killSignal: 'SIGQUIT',
      answers: () => takesQueries(url),
      owner,
    };
  });
}

/** `config` is the text of its `prometheus.yml`. */
export async function startPrometheus(config: string): Promise<TestServer> {
  const port = await freePort();
  return startServer('prometheus', `http://127.0.0.1:${port}`, port, (dir) => {
    const file = join(dir, 'prometheus.yml');
    writeFileSync(file, config);
    return {
      command: serverBinary('prometheus'),
      args: [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(dir, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=error',
      ],
      killSignal: 'SIGKILL',
      answers: () => accepts(port),
    };
  });
}

interface Launch {
  command: string;
  args: string[];
  killSignal: NodeJS.Signals;
  answers: () => Promise<boolean>;
  owner?: { uid: number; gid: number } | undefined;
}

async function startServer(
  name: string,
  url: string,
  port: number,
  prepare: (dir: string) => Launch,
): Promise<TestServer> {
  const dir = mkdtempSync(join(tmpdir(), `keyturn-${name}-`));
  const launch = prepare(dir);
  let child: ChildProcess;
  let output = '';

  async function start(): Promise<void> {
    child = spawn(launch.command, launch.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      cwd: dir,
      ...launch.owner,
    });
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-4000);
    };
    child.stdout?.on('data', keep);
    child.stderr?.on('data', keep);
    await answering(launch, child, () => output);
  }
  async function kill(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(launch.killSignal);
    await exited;
  }

  await start();
  return {
    url,
    port,
    dir,
    pid: () => child.pid ?? 0,
    kill,
    restart: start,
    stop: async () => {
      await kill();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** PostgreSQL refuses to run as root; its Debian package makes the user `postgres`. */
function postgresOwner(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  serverBinary('postgres');
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

async function answering(launch: Launch, child: ChildProcess, output: () => string): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (!(await launch.answers())) {
    if (child.exitCode !== null) throw new Error(`server ended at its start: ${output()}`);
    if (Date.now() > deadline) throw new Error(`${launch.command} does not answer: ${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), resolve(true)));
    socket.once('error', () => resolve(false));
  });
}

/** It takes connections before it takes queries. */
async function takesQueries(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1000 });
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('no TCP port');
  return address.port;
}
