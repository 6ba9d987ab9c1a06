import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createJsonlDirectory, jsonlModule } from '../support/jsonl-store/jsonl-directory.ts';

const lockModule = jsonlModule.replace('my-store.js', 'file-lock.js');
const started = new Set<ChildProcess>();
let directory: Awaited<ReturnType<typeof createJsonlDirectory>>;

beforeEach(async () => {
  directory = await createJsonlDirectory({ 'a.jsonl': [{ id: 'counter', tenant: null, value: '0' }] });
});
afterEach(async () => {
  for (const child of started) child.kill('SIGKILL');
  started.clear();
  await directory.remove();
});

function start(code: string): { child: ChildProcess; ended: Promise<unknown> } {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: directory.folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.add(child);
  return { child, ended: once(child, 'close') };
}

/** Adds one to the counter, `times` times, each time by reading and compare-and-swap until it wins. */
const countUp = (times: number): string => `
  import openStore from ${JSON.stringify(jsonlModule)};
  const store = await openStore({ options: { directory: 'customers' }, directory: '.', fields: [] });
  for (let wins = 0; wins < ${times}; ) {
    const [{ ref, value }] = await store.read(['a.jsonl/counter']);
    const newValue = Buffer.from(String(Number(value) + 1));
    const [outcome] = await store.replace([{ ref, oldValue: value, newValue }]);
    if (outcome === 'replaced') wins += 1;
  }`;

const holdLock = `
  import { withLock } from ${JSON.stringify(lockModule)};
  await withLock('customers/a.jsonl.lock', () => new Promise(() => {
    console.log('held');
    setInterval(() => {}, 1000);
  }));`;

test('processes that write at once overwrite nothing of each other, and a dead one holds nobody up', async () => {
  const holder = start(holdLock);
  await once(holder.child.stdout ?? holder.child, 'data');
  holder.child.kill('SIGKILL');
  await holder.ended;

  // All find the dead one's lock at once, and take it over.
  const counters = Array.from({ length: 3 }, () => start(countUp(30)));
  for (const { ended } of counters) expect(await ended).toEqual([0, null]);

  expect(await directory.readLines('a.jsonl')).toEqual([{ id: 'counter', tenant: null, value: '90' }]);
  // No lock is left behind, not even the dead one's.
  expect(await directory.files()).toEqual(['a.jsonl']);
});
