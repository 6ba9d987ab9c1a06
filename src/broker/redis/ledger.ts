import { z } from 'zod';
import type { BeginPass, Ledger } from '../../rotation/ports/ledger.ts';
import {
  formatBatch,
  formatFailure,
  nameCounts,
  parseFailure,
  parseSnapshot,
  snapshotColumns,
} from '../ledger-row.ts';
import { parseStored } from '../stored-value.ts';
import type { RedisConnection } from './connection.ts';
import { ledgerLua } from './ledger.lua.ts';
import { bindRotationScript, nameCells } from './rotation-script.ts';

const values = z.array(z.unknown());
/** Each code, then its count. */
const codes = z.array(z.string());
const positions = z.array(z.int());
const seen = z.tuple([z.int(), z.coerce.number(), z.coerce.number()]);

/** The ledger on Redis, Valkey or a Cluster of them. */
export function createRedisLedger(of: { redis: RedisConnection; rotation: string }): Ledger {
  const parts = ['ledger', 'settled', 'failures', 'failure-order', 'workers', 'failure-codes'];
  const { run, ask, position, stage } = bindRotationScript(of, ledgerLua, parts);

  return {
    snapshot: async () => readSnapshot(await run('snapshot')),
    begin: (pass) => ask('begin', ...passArguments(pass)),
    restart: (lost, pass) => ask('restart', lost, ...passArguments(pass)),
    position,
    stage,
    completeScan: (epoch) => ask('completeScan', epoch),
    extend: (epoch) => ask('extend', epoch),
    putBack: (batch) => ask('putBack', batch.epoch, batch.number, formatBatch(batch), ...batch.refs),
    async settle(epoch, batch, { rotated, skipped, missing, conflicts }, failures, before) {
      const versions = Object.entries(before);
      const listed = failures.flatMap((failure) => [failure.ref, formatFailure(failure)]);
      const row = await run(
        'settle',
        epoch,
        batch,
        rotated,
        skipped,
        missing,
        conflicts,
        versions.length,
        ...versions.flat(),
        ...listed,
      );
      return row === null ? null : readSnapshot(row);
    },
    pause: (cause, reason) => ask('pause', cause, reason),
    resume: () => ask('resume'),
    cancel: () => ask('cancel'),
    async failures(after, limit) {
      const found = await run('failures', limit, ...(after === null ? [] : [after]));
      return parseStored(values, found).map(parseFailure);
    },
    async failureCodes() {
      const flat = parseStored(codes, await run('failureCodes'));
      return nameCounts(
        flat.flatMap((code, i) => (i % 2 === 0 ? [[code, Number(flat[i + 1])] as const] : [])),
      );
    },
    async failedAmong(refs) {
      const found = new Set(parseStored(positions, await run('failedAmong', ...refs)));
      return new Set(refs.filter((_, position) => found.has(position)));
    },
    report: async ({ workerId, callsPerSecond, recordsPerSecond }) =>
      readSnapshot(await run('report', workerId, callsPerSecond, recordsPerSecond)),
    async workers() {
      const [alive, callsPerSecond, recordsPerSecond] = parseStored(seen, await run('workers'));
      return { alive, callsPerSecond, recordsPerSecond };
    },
  };
}

function passArguments({ epoch, pin, planDigest, planParts, estimate }: BeginPass): (string | number)[] {
  return [epoch, pin.keyId, pin.versionId, planDigest, JSON.stringify(planParts), estimate];
}

function readSnapshot(row: unknown): ReturnType<typeof parseSnapshot> {
  return parseSnapshot(nameCells(snapshotColumns, row));
}
