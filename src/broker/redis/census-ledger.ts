import { z } from 'zod';
import type { CensusLedger, CensusSnapshot } from '../../rotation/ports/census-ledger.ts';
import { censusColumns, parseCensus } from '../census-row.ts';
import { formatBatch, parsePosition } from '../ledger-row.ts';
import { parseStored } from '../stored-value.ts';
import { censusLedgerLua } from './census-ledger.lua.ts';
import type { RedisConnection } from './connection.ts';
import { bindScript } from './run-script.ts';

const flag = z.union([z.literal(0), z.literal(1)]).transform((answer) => answer === 1);
const values = z.array(z.unknown());
/** The census, and its versions with their counts after them. */
const found = z.tuple([values, z.array(z.string())]);

/** The census ledger on Redis, Valkey or a Cluster of them. */
export function createRedisCensusLedger({
  redis,
  rotation,
}: {
  redis: RedisConnection;
  rotation: string;
}): CensusLedger {
  // One hash tag, so that a Cluster keeps all keys of a rotation in one place.
  const key = (part: string): string => `keyturn:{${rotation}}:${part}`;
  const run = bindScript(redis, censusLedgerLua, ['census', 'census-settled', 'census-versions'].map(key));
  const ask = async (command: string, ...args: (string | number)[]): Promise<boolean> =>
    parseStored(flag, await run(command, ...args));

  return {
    open: async (id, { pin, deep, planDigest, pass }) =>
      readCensus(
        parseStored(
          found,
          await run('open', id, pin.keyId, pin.versionId, planDigest, pass ?? '', deep ? 1 : 0),
        ),
      ),
    async snapshot() {
      const answer = parseStored(found.nullable(), await run('snapshot'));
      return answer === null ? null : readCensus(answer);
    },
    async position(id) {
      const row = await run('position', id);
      return row === null ? null : parsePosition(zip(['cursor', 'scanned', 'batches', 'staged'], row));
    },
    stage: ({ batch, cursor }) =>
      ask(
        'stage',
        batch.epoch,
        batch.number,
        formatBatch(batch),
        batch.refs.length,
        ...(cursor === null ? [] : [JSON.stringify(cursor)]),
      ),
    completeScan: (id) => ask('completeScan', id),
    settle: (id, batch, { records, unreadable, byHeader, contradicted, byVersion }) =>
      ask(
        'settle',
        id,
        batch,
        records,
        unreadable,
        byHeader,
        contradicted,
        ...Object.entries(byVersion).flat(),
      ),
    close: async (id) => void (await run('close', id)),
  };
}

function readCensus([row, flat]: z.output<typeof found>): CensusSnapshot {
  const versions = flat.flatMap((cell, place) => (place % 2 === 0 ? [[cell, flat[place + 1]]] : []));
  return parseCensus(zip(censusColumns, row), versions);
}

function zip(names: readonly string[], row: unknown): Record<string, unknown> {
  const cells = parseStored(values, row);
  return Object.fromEntries(names.map((name, place) => [name, cells[place]]));
}
