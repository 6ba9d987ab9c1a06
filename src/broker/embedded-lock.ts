import { createHash, randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Fault } from '../rotation/faults.ts';

/** The kernel takes at most 103 (macOS) or 107 (Linux) bytes. */
const longestSocketPath = 100;
const tries = 5;

/**
 * Keeps `dir` for this process until `release`, or until the process ends in whatever way. Throws a usage
 * fault where another process, or this one, has it.
 *
 * Whoever wants it first listens on a socket of a name never used before, then knocks on all others. Of two
 * that come at once, at least one hears the other; who hears someone withdraws, and tries again shortly. A
 * socket that nobody answers on belongs to a dead process, and its name to nobody else, so it may be removed.
 */
export async function lockEmbedded(dir: string): Promise<{ readonly release: () => void }> {
  for (let attempt = 1; ; attempt += 1) {
    const sockets = socketFolder(dir);
    const own = join(sockets, `keyturn-${randomBytes(4).toString('hex')}.sock`);
    const server = await listen(own);
    const release = (): void => void server.close();
    const alone = !(await hearsAnyone(sockets, own)) && existsSync(own);
    if (alone) return { release };
    release();
    if (attempt === tries) throw inUse(dir);
    await delay(randomInt(10, 60));
  }
}

/** Inside `dir`; where that is too long for a socket, in the folder for temporary files, named after it. */
function socketFolder(dir: string): string {
  const inside = realpathSync(dir);
  if (Buffer.byteLength(join(inside, 'keyturn-12345678.sock')) <= longestSocketPath) return inside;
  const outside = join(tmpdir(), `keyturn-${createHash('sha256').update(inside).digest('hex').slice(0, 16)}`);
  mkdirSync(outside, { recursive: true, mode: 0o700 });
  return outside;
}

async function listen(path: string): Promise<Server> {
  const server = createServer((socket) => socket.destroy()).listen(path);
  await once(server, 'listening');
  // The lock alone keeps no process alive.
  return server.unref();
}

async function hearsAnyone(sockets: string, own: string): Promise<boolean> {
  for (const name of readdirSync(sockets)) {
    const path = join(sockets, name);
    if (!/^keyturn-[0-9a-f]{8}\.sock$/.test(name) || path === own) continue;
    if (await answers(path)) return true;
    rmSync(path, { force: true });
  }
  return false;
}

/** False only where certainly nobody listens: refused, or removed meanwhile. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) =>
      resolve(!('code' in error && (error.code === 'ECONNREFUSED' || error.code === 'ENOENT'))),
    );
  });
}

function inUse(dir: string): Fault {
  return new Fault(
    'usage',
    'EMBEDDED_IN_USE',
    `embedded broker ${dir} is in use by another keyturn process; stop it, ` +
      'or use a redis:// or postgres:// broker',
    { peer: 'broker' },
  );
}
