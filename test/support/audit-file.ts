import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AuditEvent, AuditOrigin } from '../../src/telemetry/audit-event.ts';
import { openAuditLog } from '../../src/telemetry/audit-log.ts';

export const auditOrigin: AuditOrigin = {
  rotation: 'r1',
  actor: 'ada',
  host: 'host-1',
  pid: 7,
  tool: 'keyturn 0.0.0',
};

/** The path of an audit log in a folder of its own, which is not there yet. */
export async function auditPath(): Promise<string> {
  return join(await mkdtemp(join(tmpdir(), 'keyturn-audit-')), 'audit.jsonl');
}

/** A log of so many settled batches. */
export async function writeAudit(batches: number): Promise<string> {
  const file = await auditPath();
  const log = openAuditLog(file, auditOrigin);
  await Promise.all(Array.from({ length: batches }, (_, batch) => log.record(settled(batch))));
  return file;
}

export function settled(batch: number): AuditEvent {
  const tally = { rotated: 5, skipped: 1, missing: 0, failed: 2, conflicts: 0 };
  return { event: 'batch.settled', pass: 1, batch, codes: { BAD_FORMAT: 2 }, ...tally };
}

/** The lines of a log as they are parsed, for what they say; `checkAudit` is for whether they hold. */
export async function auditLines(file: string): Promise<Record<string, unknown>[]> {
  const text = await readFile(file, 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}
