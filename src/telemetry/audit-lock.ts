import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readlink, rename, rm, symlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { errnoOf } from '../rotation/errno.ts';

/** A holder that this process cannot look at, in another container, is dead when it has been silent for so long. */
const silenceMs = 20_000;
const patienceMs = 30_000;

/** Thrown when another process holds the lock for longer than half a minute. */
export const lockHeld = 'ELOCKED';

/**
 * Does `work` while no other process does, for as long as `work` is quick. The lock is a symbolic link whose
 * target names its holder: made by one process alone, never seen without its holder, and taken over when the
 * holder has died.
 */
export async function withAuditLock<T>(lock: string, work: () => Promise<T>): Promise<T> {
  const holder = [...self(), randomUUID()].join(' ');
  await take(lock, holder);
  try {
    return await work();
  } finally {
    // Unless this process was stopped for so long that another took it for dead.
    if ((await holderOf(lock)) === holder) await rm(lock, { force: true });
  }
}

async function take(lock: string, holder: string): Promise<void> {
  const startedAt = performance.now();
  const silent = watchSilence();
  while (!(await tryToTake(lock, holder, silent))) {
    if (performance.now() - startedAt > patienceMs)
      throw Object.assign(new Error(`${lock} is held by another process`), { code: lockHeld });
    await delay(1 + Math.random() * 9);
  }
}

/** Whether the holder of a lock has been the same for too long, since it was first asked for. */
type Silent = (lock: string, holder: string) => boolean;

function watchSilence(): Silent {
  const seen = new Map<string, { holder: string; since: number }>();
  return (lock, holder) => {
    const now = performance.now();
    const known = seen.get(lock);
    // Each time a lock is taken its holder has another name, so the same name is the same turn.
    if (known?.holder === holder) return now - known.since > silenceMs;
    seen.set(lock, { holder, since: now });
    return false;
  };
}

async function tryToTake(lock: string, holder: string, silent: Silent): Promise<boolean> {
  if (await linkAnew(holder, lock)) return true;
  const other = await holderOf(lock);
  const dead = other !== null && (isDead(other) ?? silent(lock, other));
  return dead && takeOver(lock, other, holder, silent);
}

/**
 * Replaces the lock of a dead holder. Only behind a second lock: of two that found the same dead holder, the
 * slower would else remove the lock of the faster. Whoever dies behind that one is replaced in the same way.
 */
async function takeOver(lock: string, dead: string, holder: string, silent: Silent): Promise<boolean> {
  const gate = `${lock}.over`;
  if (!(await tryToTake(gate, holder, silent))) return false;
  if ((await holderOf(lock)) === dead) {
    await rename(gate, lock);
    return true;
  }
  await rm(gate, { force: true });
  return false;
}

async function linkAnew(holder: string, path: string): Promise<boolean> {
  try {
    await symlink(holder, path);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function holderOf(lock: string): Promise<string | null> {
  try {
    return await readlink(lock);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}

/** Where process ids are told apart, this process's id, and its start. */
function self(): [place: string, pid: string, start: string] {
  return [placeOfIds(), String(process.pid), readProcess(process.pid)?.start ?? ''];
}

/** Null where this process cannot know: the holder is in another container or was before a reboot. */
function isDead(holder: string): boolean | null {
  const [place, pid, start] = holder.split(' ');
  if (place !== placeOfIds()) return null;
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    return errnoOf(error) === 'ESRCH';
  }
  const other = readProcess(Number(pid));
  if (other === null) return false;
  // A zombie writes nothing; and an id is given again.
  return other.state === 'Z' || other.state === 'X' || other.start !== start;
}

/** A process id names a process of one kernel's boot and one namespace. */
function placeOfIds(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}/${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}

/** Null where there is no /proc, or it hides the processes of others. */
function readProcess(pid: number): { state: string; start: string } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // proc(5): the name in brackets may hold anything; state and start are fields 3 and 22.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', start: fields[19] ?? '' };
  } catch {
    return null;
  }
}
