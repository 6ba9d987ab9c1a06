import type { OwnStore } from '../../rotation/ports/open-store.ts';
import type { RecordStore } from '../../rotation/ports/record-store.ts';
import { checkAnswer, checkAsked, checkOutcomes, countSchema, recordsSchema } from './check-answer.ts';
import { guardScan } from './guard-scan.ts';
import type { ModuleFaults } from './module-faults.ts';
import { z } from 'zod';

const checkLine = z.string('it must give a string').regex(/^.*$/, 'it must give one line');

/**
 * A user's own store as one that keeps the port's contract: each answer is checked once, here, and whatever the
 * module throws becomes a `Fault`. `name` is for the words of `check`.
 */
export function guardStore(
  own: OwnStore,
  name: string,
  fields: readonly string[],
  faults: ModuleFaults,
): RecordStore {
  const records = recordsSchema(fields);
  const breachOf = (step: string) => (rule: string) => faults.breach(step, rule);

  /** The module's answer, of which nothing is known yet. It may also throw before it gives a promise. */
  async function call(step: string, work: () => unknown): Promise<unknown> {
    try {
      return await work();
    } catch (error) {
      throw faults.thrown(step, error);
    }
  }

  async function count(): Promise<{ records: number; exact: boolean }> {
    const answer = await call('count()', () => own.count());
    return checkAnswer(countSchema, answer, breachOf('count()'));
  }

  return {
    scan: (from, limit, signal) =>
      guardScan(() => own.scan(from, limit, signal), { from, limit, signal }, faults),
    async read(refs) {
      const answer = await call('read()', () => own.read(refs));
      const found = checkAnswer(records, answer, breachOf('read()'));
      checkAsked(found, refs, breachOf('read()'));
      return found;
    },
    async replace(changes) {
      const answer = await call('replace()', () => own.replace(changes));
      return checkOutcomes(answer, changes.length, breachOf('replace()'));
    },
    count,
    async check() {
      if (own.check !== undefined) {
        const answer = await call('check()', () => own.check?.());
        return checkAnswer(checkLine, answer, breachOf('check()'));
      }
      const { records, exact } = await count();
      return `module ${name}, ${records} records${exact ? '' : ' (estimate)'}`;
    },
    caveats: own.caveats ?? [],
    async close() {
      await call('close()', () => own.close());
    },
  };
}
