// A lock between the processes of one machine: a file that names its holder. A lock whose holder has died is
// taken over. Taking over needs a lock of its own, or two could each remove what they believe to be the dead one's;
// should a process die between its two steps, `….lock.over` stays and has to be removed by hand. What one that is
// killed while it waits leaves behind, `….lock.` and its token, harms nobody.
import { randomUUID } from 'node:crypto';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const patienceMs = 10_000;

/** The locks that this process holds: in a container the process before it may have had the same id.
 * So only one thread of a process may use it. */
const held = new Set();

/** Does `work` while nobody else holds `lock`, a path. Throws an error ELOCKED if that takes longer than 10 s. */
export async function withLock(lock, work) {
  const token = randomUUID();
  const mine = `${lock}.${token}`;
  held.add(token);
  // Written first and linked then, so that a lock is never seen without its holder.
  await writeFile(mine, `${process.pid} ${token}`);
  try {
    await take(lock, mine);
    try {
      return await work();
    } finally {
      await rm(lock, { force: true });
    }
  } finally {
    held.delete(token);
    await rm(mine, { force: true });
  }
}

async function take(lock, mine) {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    if (await linkAnew(mine, lock)) return;
    const holder = await holderOf(lock);
    if (holder !== null && !isAlive(holder) && (await takeOver(lock, holder, mine))) return;
    if (performance.now() > deadline)
      throw Object.assign(new Error(`${lock} is held by another process`), { code: 'ELOCKED' });
    await sleep(1 + Math.random() * 9);
  }
}

async function takeOver(lock, holder, mine) {
  const gate = `${lock}.over`;
  if (!(await linkAnew(mine, gate))) return false;
  // Only behind the gate a dead holder's lock goes away, so it cannot have become another's since it is read here.
  if ((await holderOf(lock)) === holder) {
    await rename(gate, lock);
    await rm(`${lock}.${holder.split(' ')[1]}`, { force: true });
    return true;
  }
  await rm(gate);
  return false;
}

/** False where `path` is there already: a link is made by one process alone. */
async function linkAnew(existing, path) {
  try {
    await link(existing, path);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

async function holderOf(lock) {
  try {
    return await readFile(lock, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return null;
    throw error;
  }
}

function isAlive(holder) {
  const [pid, token] = holder.split(' ');
  if (Number(pid) === process.pid) return held.has(token);
  try {
    process.kill(Number(pid), 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
