import { z } from 'zod';
import type { ProducerPosition, StageBatch } from '../../rotation/ports/ledger.ts';
import { formatStage, parsePosition } from '../ledger-row.ts';
import { parseStored } from '../stored-value.ts';
import type { RedisConnection } from './connection.ts';
import { bindScript, type RunScript } from './run-script.ts';

const flag = z.union([z.literal(0), z.literal(1)]).transform((answer) => answer === 1);
const values = z.array(z.unknown());

/** A script of one rotation, and what every ledger asks of its own in the same way. */
export interface RotationScript {
  readonly run: RunScript;
  /** A command that answers 1 or 0. */
  readonly ask: (command: string, ...args: readonly (string | number)[]) => Promise<boolean>;
  readonly position: (epoch: string) => Promise<ProducerPosition | null>;
  readonly stage: (stage: StageBatch) => Promise<boolean>;
}

/** `parts` name the keys that the script touches. */
export function bindRotationScript(
  { redis, rotation }: { redis: RedisConnection; rotation: string },
  lua: string,
  parts: readonly string[],
): RotationScript {
  // One hash tag, so that a Cluster keeps all keys of a rotation in one place.
  const keys = parts.map((part) => `keyturn:{${rotation}}:${part}`);
  const run = bindScript(redis, lua, keys);
  const ask: RotationScript['ask'] = async (command, ...args) =>
    parseStored(flag, await run(command, ...args));
  return {
    run,
    ask,
    async position(epoch) {
      const row = await run('position', epoch);
      return row === null ? null : parsePosition(nameCells(['cursor', 'scanned', 'batches', 'staged'], row));
    },
    stage: (stage) => ask('stage', ...formatStage(stage).filter((cell) => cell !== null)),
  };
}

/** The cells of a row that HMGET answered, by their names. */
export function nameCells(names: readonly string[], row: unknown): Record<string, unknown> {
  const cells = parseStored(values, row);
  return Object.fromEntries(names.map((name, place) => [name, cells[place]]));
}
