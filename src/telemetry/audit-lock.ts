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
  let seen = { holder: '', since: startedAt };
  while (!(await linkAnew(holder, lock))) {
    const now = performance.now();
    const other = await holderOf(lock);
    if (other === null) continue;
    // Each time a lock is taken its holder has another name, so the same name is the same turn.
    if (other !== seen.holder) seen = { holder: other, since: now };
    const dead = isDead(other) ?? now - seen.since > silenceMs;
    if (dead && (await takeOver(lock, other, holder))) return;
    if (now - startedAt > patienceMs)
      throw Object.assign(new Error(`${lock} is held by another process`), { code: lockHeld });
    await delay(1 + Math.random() * 9);
  }
}

/**
 * Replaces the lock of a dead holder. Only behind a second lock: of two that found the same dead holder, the
 * slower would else remove the lock of the faster.
 */
async function takeOver(lock: string, dead: string, holder: string): Promise<boolean> {
  const gate = `${lock}.over`;
  if (!(await linkAnew(holder, gate))) return false;
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
