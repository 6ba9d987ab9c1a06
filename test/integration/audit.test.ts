import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { checkAudit } from '../../src/telemetry/audit-check.ts';
import { openAuditLog } from '../../src/telemetry/audit-log.ts';
import { auditLines, auditOrigin, auditPath, settled } from '../support/audit-file.ts';
import { startHunt } from '../support/canaries.ts';
import { hideCiphertext } from '../support/canary-records.ts';
import { runCli, startCli, writeConfig } from '../support/cli.ts';
import { createCustomers, customersTable, type Customers } from '../support/customers.ts';
import { freshRedis } from '../support/peers.ts';

const records = 300;
let customers: Customers;
beforeAll(async () => {
  customers = await createCustomers(records);
  await customers.rotateKey();
}, 60_000);
afterAll(() => customers.close());

/** A config with an audit log beside it. */
async function auditedConfig(broker: string, rotation: string, audit = 'audit.jsonl') {
  const config = await writeConfig({
    rotation,
    broker,
    ...customers.config,
    audit,
    limits: { rate: 20, batchSize: 10 },
  });
  return { config, file: join(dirname(config), audit) };
}

async function verifyAudit(file: string, ...flags: string[]) {
  const { code, stdout } = await runCli(['verify-audit', file, '--json', ...flags]);
  return { code, ...JSON.parse(stdout) };
}

test('a run that is paused, resumed and made faster leaves a whole log of it without secrets', async () => {
  const hunt = startHunt();
  const ciphertexts = async () =>
    (await customers.sql.query(`SELECT "ssn ""enc""" AS value FROM ${customersTable} LIMIT 50`)).rows;
  const hide = async () => {
    for (const { value } of await ciphertexts()) hideCiphertext(hunt, value);
  };
  hunt.hide('token', customers.emulator.token);
  hunt.hide('AAD or reference', 'customer/9007199254740');
  await hide();
  const { config, file } = await auditedConfig((await freshRedis()).url, 'audited');
  const actor = { KEYTURN_ACTOR: 'pipeline 7' };
  const run = startCli(['run', '-c', config, '--json'], actor);
  await vi.waitFor(async () => expect(await readFile(file, 'utf8')).toContain('"event":"batch.settled"'), {
    timeout: 20_000,
    interval: 20,
  });
  expect((await runCli(['pause', '-c', config], { SUDO_USER: 'ada', USER: 'root' })).code).toBe(0);
  expect((await runCli(['resume', '-c', config], { USER: 'bob' })).code).toBe(0);
  expect((await runCli(['rate', 'none', '-c', config], actor)).code).toBe(0);
  // Read only: leaves no line.
  expect((await runCli(['status', '-c', config])).code).toBe(0);
  const ended = await run.ended;
  expect(ended.code).toBe(0);
  await hide();

  const lines = await auditLines(file);
  const of = (event: string, more: object = {}) => [
    expect.objectContaining({ event, rotation: 'audited', ...more }),
  ];
  const said = (event: string) => lines.filter((line) => line['event'] === event);
  expect(lines.slice(0, 2)).toEqual([
    ...of('command.started', { command: 'run', actor: 'pipeline 7', pid: run.child.pid }),
    ...of('rotation.begun', { pass: 1, keyId: 'k1', restarted: false }),
  ]);
  expect(said('rotation.paused')).toEqual(of('rotation.paused', { actor: 'ada', cause: 'operator' }));
  expect(said('rotation.resumed')).toEqual(of('rotation.resumed', { actor: 'bob' }));
  expect(said('command.ended')).toHaveLength(4);
  expect(said('command.started').map(({ command }) => command)).toEqual(['run', 'pause', 'resume', 'rate']);
  expect(lines).toEqual(
    expect.arrayContaining(of('command.ended', { command: 'rate', oldRate: 20, newRate: null, exitCode: 0 })),
  );
  expect(said('command.ended').find(({ command }) => command === 'run')).toMatchObject({
    verdict: 'safe-to-retire',
    exitCode: 0,
    code: null,
  });
  expect(said('rotation.finished')).toEqual(of('rotation.finished', { enqueued: records, rotated: records }));
  const batches = said('batch.settled');
  expect(new Set(batches.map(({ batch }) => batch)).size).toBe(records / 10);
  expect(batches.reduce((sum, { rotated }) => sum + Number(rotated), 0)).toBe(records);

  const held = await verifyAudit(file, '--head', String(said('rotation.finished')[0]?.['hash']));
  expect(held).toMatchObject({ code: 0, ok: true, entries: lines.length, problem: null });
  hunt.see('audit log', await readFile(file));
  expect(hunt.found()).toEqual([]);
}, 60_000);

test('three processes that append at once, and are killed with -9 in the midst of it, never fork the chain', async () => {
  const file = await auditPath();
  const script = `
    import { openAuditLog } from './dist/telemetry/audit-log.js';
    const log = openAuditLog(${JSON.stringify(file)}, { ...${JSON.stringify(auditOrigin)}, pid: process.pid });
    for (;;) await Promise.all([1, 2, 3].map(() => log.record(${JSON.stringify(settled(1))})));`;
  const start = (): ChildProcess =>
    spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'inherit' });
  const countOf = async ({ pid }: ChildProcess): Promise<number> =>
    (await readFile(file, 'utf8').catch(() => '')).split(`"pid":${pid},`).length;
  const writers = [start(), start(), start()];
  onTestFinished(() => writers.forEach((writer) => void writer.kill('SIGKILL')));
  for (let kills = 0; kills < 9; kills += 1) {
    const [oldest] = writers;
    if (oldest === undefined) break;
    await vi.waitFor(async () => expect(await countOf(oldest)).toBeGreaterThan(10), {
      timeout: 20_000,
      interval: 20,
    });
    oldest.kill('SIGKILL');
    writers.push(start());
    writers.shift();
  }
  const lastWords = writers.map(async (writer) => {
    const before = await countOf(writer);
    // Nobody is held up by what the dead left.
    await vi.waitFor(async () => expect(await countOf(writer)).toBeGreaterThan(before), { timeout: 10_000 });
  });
  await Promise.all(lastWords);
  for (const writer of writers) writer.kill('SIGKILL');
  await Promise.all(writers.map((writer) => once(writer, 'exit')));
  await openAuditLog(file, auditOrigin).record(settled(2));

  expect(await checkAudit(file, null)).toMatchObject({ ok: true, problem: null });
  const pids = (await auditLines(file)).map(({ pid }) => pid);
  expect(new Set(pids).size).toBeGreaterThanOrEqual(12);
});

test('a command whose beginning cannot be recorded changes nothing, and says why', async () => {
  const { config, file } = await auditedConfig((await freshRedis()).url, 'audited-full');
  await symlink('/dev/full', file);
  for (const command of ['run', 'pause', 'verify']) {
    const { code, stdout, stderr } = await runCli([command, '-c', config]);
    expect(stderr).toMatch(/^keyturn: cannot write the audit log \S+ \(ENOSPC\);[^\n]+\n$/);
    expect({ command, code, stdout }).toEqual({ command, code: 2, stdout: '' });
  }
  const { stdout } = await runCli(['status', '-c', config, '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ state: 'new', pass: 0 });
});

test('a run that can no longer record what it does ends and says what is not recorded', async () => {
  await customers.rotateKey();
  const { config, file } = await auditedConfig((await freshRedis()).url, 'audited-lost');
  const run = startCli(['run', '-c', config, '--json']);
  await vi.waitFor(async () => expect(await readFile(file, 'utf8')).toContain('batch.settled'), {
    timeout: 20_000,
    interval: 20,
  });
  await rename(file, `${file}.1`);
  await symlink('/dev/full', file);
  const { code, stderr } = await run.ended;
  expect(stderr).toMatch(/ENOSPC.*not recorded: \d+ \(batch.settled/);
  expect(code).toBe(2);
  const { state, remaining } = JSON.parse((await runCli(['status', '-c', config, '--json'])).stdout);
  expect(state).toBe('running');
  expect(remaining).toBeGreaterThan(0);
  expect(await checkAudit(`${file}.1`, null)).toMatchObject({ ok: true });
}, 60_000);

test('verify-audit tells in words and by its exit code what is wrong, or that it cannot read', async () => {
  const { config, file } = await auditedConfig((await freshRedis()).url, 'audited-words');
  expect((await runCli(['cancel', '-c', config])).code).toBe(2);
  const [, ended] = await auditLines(file);
  expect(ended).toMatchObject({ event: 'command.ended', exitCode: 2, code: 'WRONG_STATE' });

  const whole = await runCli(['verify-audit', file]);
  expect(whole.stdout).toContain('the chain holds');
  expect(whole.stdout).toContain('note: without --head a cut end');
  expect(whole.code).toBe(0);
  const cut = await runCli(['verify-audit', file, '--head', 'A'.repeat(64)]);
  expect(cut.stdout).toContain('no line has the hash aaaa');
  expect(cut.code).toBe(1);
  expect((await runCli(['verify-audit', `${file}.not`])).code).toBe(2);
});
