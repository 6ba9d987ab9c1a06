import { execFileSync } from 'node:child_process';
import { readdir, readlink, symlink } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { withAuditLock } from '../../../src/telemetry/audit-lock.ts';
import { auditPath } from '../../support/audit-file.ts';

afterEach(() => void vi.restoreAllMocks());

/** Lets the lock's clock, not its waits, go on by a second with each look at it. */
function passTime(): void {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => (now += 1000));
}

/** How this process is named as a holder, with members changed. */
async function holderLike(change: { place?: string; pid?: string; start?: string } = {}): Promise<string> {
  const lock = await auditPath();
  const own = await withAuditLock(lock, () => readlink(lock));
  const [place, pid, start] = own.split(' ');
  const holder = { place, pid, start, ...change };
  return `${holder.place} ${holder.pid} ${holder.start} token`;
}

async function isGiven(holder: string): Promise<boolean> {
  const lock = await auditPath();
  await symlink(holder, lock);
  try {
    return await withAuditLock(lock, async () => true);
  } catch (error) {
    expect(error).toMatchObject({ code: 'ELOCKED' });
    return false;
  }
}

test('one at a time', async () => {
  const lock = await auditPath();
  let [inside, most] = [0, 0];
  const work = async (): Promise<void> => {
    inside += 1;
    most = Math.max(most, inside);
    await new Promise((resolve) => setImmediate(resolve));
    inside -= 1;
  };
  await Promise.all(Array.from({ length: 20 }, () => withAuditLock(lock, work)));
  expect(most).toBe(1);
});

test('a dead process, or one whose id another has now, holds nobody up', async () => {
  const dead = execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }).trim();
  expect(await isGiven(await holderLike({ pid: dead }))).toBe(true);
  expect(await isGiven(await holderLike({ start: '1' }))).toBe(true);
});

test('a living process is never taken for dead, however long it is silent', async () => {
  const holder = await holderLike();
  passTime();
  expect(await isGiven(holder)).toBe(false);
});

test('a holder of another container is taken for dead when it was silent for long, not before', async () => {
  const holder = await holderLike({ place: 'elsewhere' });
  passTime();
  const startedAt = performance.now();
  expect(await isGiven(holder)).toBe(true);
  expect(performance.now() - startedAt).toBeGreaterThan(20_000);
});

test('those that die as they take over from the dead hold nobody up', async () => {
  const lock = await auditPath();
  const dead = await holderLike({ start: '1' });
  for (const left of [lock, `${lock}.over`, `${lock}.over.over`]) await symlink(dead, left);
  expect(await withAuditLock(lock, () => readdir(dirname(lock)))).toEqual([basename(lock)]);
});

test('a living process that takes over from the dead is waited for, and told of in words', async () => {
  const lock = await auditPath();
  await symlink(await holderLike({ start: '1' }), lock);
  await symlink(await holderLike(), `${lock}.over`);
  passTime();
  await expect(withAuditLock(lock, async () => true)).rejects.toMatchObject({ code: 'ELOCKED' });
});
