import { z } from 'zod';
import type { CensusLedger, CensusSnapshot } from '../../rotation/ports/census-ledger.ts';
import { censusColumns, parseCensus } from '../census-row.ts';
import { parseStored } from '../stored-value.ts';
import { censusLedgerLua } from './census-ledger.lua.ts';
import type { RedisConnection } from './connection.ts';
import { bindRotationScript, nameCells } from './rotation-script.ts';

/** The census, and its versions with their counts after them. */
const found = z.tuple([z.array(z.unknown()), z.array(z.string())]);

/** The census ledger on Redis, Valkey or a Cluster of them. */
export function createRedisCensusLedger(of: { redis: RedisConnection; rotation: string }): CensusLedger {
  const parts = ['census', 'census-settled', 'census-versions'];
  const { run, ask, position, stage } = bindRotationScript(of, censusLedgerLua, parts);

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
    position,
    stage,
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
  return parseCensus(nameCells(censusColumns, row), versions);
}
