import { createHash } from 'node:crypto';
import { mkdir, readFile, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { checkAudit } from '../../../src/telemetry/audit-check.ts';
import { openAuditLog } from '../../../src/telemetry/audit-log.ts';
import { readAuditHead } from '../../../src/telemetry/audit-tail.ts';
import { auditLines, auditOrigin, auditPath, settled, writeAudit } from '../../support/audit-file.ts';

test('a line says who did what when, and its hash can be checked without keyturn', async () => {
  const file = await auditPath();
  const log = openAuditLog(file, auditOrigin, () => Date.parse('2026-01-02T03:04:05Z'));
  await log.record({ event: 'command.started', command: 'pause' });
  await log.record({ event: 'rotation.paused', cause: 'operator', reason: 'ä "quoted"\nreason' });
  const [first, second] = await auditLines(file);
  expect(first).toMatchObject({
    ...auditOrigin,
    seq: 1,
    time: '2026-01-02T03:04:05.000Z',
    event: 'command.started',
    command: 'pause',
    prev: '0'.repeat(64),
  });
  expect(second).toMatchObject({ seq: 2, prev: first?.['hash'], reason: 'ä "quoted"\nreason' });

  const [, raw = ''] = (await readFile(file, 'utf8')).split('\n');
  const content = raw.replace(/"hash":"[0-9a-f]{64}",/, '');
  expect(createHash('sha256').update(content).digest('hex')).toBe(second?.['hash']);
  expect(await readAuditHead(file)).toEqual({ head: second?.['hash'], entries: 2 });
});

test('a log of others cannot be read by everybody', async () => {
  const file = await writeAudit(1);
  expect((await stat(file)).mode & 0o007).toBe(0);
});

test('there is no head before the first line', async () => {
  const file = await auditPath();
  expect(await readAuditHead(file)).toBeNull();
  await writeFile(file, '');
  expect(await readAuditHead(file)).toBeNull();
});

test.each([1, 2, 60, 200])(
  'half a line of %i bytes is recorded, stays as it is, and the chain goes on',
  async (length) => {
    const file = await writeAudit(3);
    const all = await readFile(file, 'utf8');
    const half = all.slice(0, all.lastIndexOf('{"actor"') + length);
    await writeFile(file, half);
    await openAuditLog(file, auditOrigin).record(settled(9));
    const text = await readFile(file, 'utf8');
    expect(text.startsWith(`${half}\n`)).toBe(true);
    expect(await checkAudit(file, null)).toMatchObject({ ok: true, entries: 4, torn: 1 });

    // Neither the half line nor what tells of it can go or change.
    const lines = text.split('\n');
    for (const edited of [
      lines.toSpliced(2, 1),
      lines.toSpliced(3, 1),
      lines.with(2, 'x'),
      lines.toSpliced(2, 2),
    ]) {
      await writeFile(file, edited.join('\n'));
      expect(await checkAudit(file, null)).toMatchObject({ ok: false });
    }
  },
);

test('a line that has lost its line break alone is kept', async () => {
  const file = await writeAudit(2);
  await truncate(file, (await stat(file)).size - 1);
  expect(await checkAudit(file, null)).toMatchObject({ ok: false, problem: { line: 2 } });
  await openAuditLog(file, auditOrigin).record(settled(2));
  expect(await checkAudit(file, null)).toMatchObject({ ok: true, entries: 3, torn: 0 });
});

test('a torn first line is healed', async () => {
  const file = await writeAudit(1);
  await truncate(file, 40);
  await openAuditLog(file, auditOrigin).record(settled(1));
  expect(await checkAudit(file, null)).toMatchObject({ ok: true, entries: 2, torn: 1 });
});

test('a line that was edited and lost its line break is no half line', async () => {
  const file = await writeAudit(2);
  const text = (await readFile(file, 'utf8')).replace('"batch":1', '"batch":8').trimEnd();
  await writeFile(file, text);
  await expect(openAuditLog(file, auditOrigin).record(settled(2))).rejects.toMatchObject({
    code: 'AUDIT_BROKEN',
  });
});

test.each(['hello\n', 'hello', 'x'.repeat(3_000_000), '{}\n', '\n'])(
  'a file that is no audit log is refused and left as it is',
  async (content) => {
    const file = await auditPath();
    await writeFile(file, content);
    await expect(openAuditLog(file, auditOrigin).record(settled(1))).rejects.toMatchObject({
      faultClass: 'usage',
      code: 'AUDIT_BROKEN',
    });
    expect(await readFile(file, 'utf8')).toBe(content);
  },
);

test('nobody chains to a last line that was edited', async () => {
  const file = await writeAudit(2);
  await writeFile(file, (await readFile(file, 'utf8')).replace('"batch":1', '"batch":8'));
  await expect(openAuditLog(file, auditOrigin).record(settled(2))).rejects.toMatchObject({
    code: 'AUDIT_BROKEN',
  });
  await expect(readAuditHead(file)).rejects.toMatchObject({ code: 'AUDIT_BROKEN' });
});

test('what could not be written is told, kept, and written with the next event, in order', async () => {
  const file = await auditPath();
  const log = openAuditLog(`${file}/audit.jsonl`, auditOrigin);
  await expect(log.record(settled(1))).rejects.toMatchObject({
    faultClass: 'usage',
    code: 'AUDIT_UNWRITABLE',
    message: expect.stringMatching(/ENOENT.*not recorded: 1 \(batch.settled\)/),
  });
  await mkdir(file);
  await log.record(settled(2));
  expect((await auditLines(`${file}/audit.jsonl`)).map(({ batch }) => batch)).toEqual([1, 2]);
});

test('a full disk is told', async () => {
  const file = await auditPath();
  await symlink('/dev/full', file);
  await expect(openAuditLog(file, auditOrigin).record(settled(1))).rejects.toMatchObject({
    code: 'AUDIT_UNWRITABLE',
    message: expect.stringContaining('ENOSPC'),
  });
});

test('a log that cannot be read is told from one that does not hold', async () => {
  const file = await writeAudit(1);
  for (const none of [`${file}.not`, dirname(file)])
    await expect(checkAudit(none, null)).rejects.toMatchObject({
      faultClass: 'usage',
      code: 'FILE_UNREADABLE',
    });
});
