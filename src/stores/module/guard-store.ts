import type { OwnStore } from '../../rotation/ports/open-store.ts';
import type { RecordStore } from '../../rotation/ports/record-store.ts';
import {
  checkAnswer,
  checkAsked,
  checkOutcomes,
  countSchema,
  excludedSchema,
  lineSchema,
  recordsSchema,
  sampleSchema,
  type Breach,
} from './check-answer.ts';
import { guardScan } from './guard-scan.ts';
import type { ModuleFaults } from './module-faults.ts';

/**
 * A user's own store as one that keeps the port's contract: each answer is checked once, here, and whatever
 * the module throws becomes a `Fault`. `name` is for the words of `check`.
 */
export function guardStore(
  own: OwnStore,
  name: string,
  fields: readonly string[],
  faults: ModuleFaults,
): RecordStore {
  const records = recordsSchema(fields);

  /** The module's answer, checked. The module may also throw before it gives a promise. */
  async function call<Answer>(
    step: string,
    work: () => unknown,
    check: (answer: unknown, breach: Breach) => Answer,
  ): Promise<Answer> {
    try {
      return check(await work(), (rule) => faults.breach(step, rule));
    } catch (error) {
      throw faults.thrown(step, error);
    }
  }

  const count = () =>
    call(
      'count()',
      () => own.count(),
      (answer, breach) => checkAnswer(countSchema, answer, breach),
    );

  return {
    scan: (from, limit, signal) =>
      guardScan(() => own.scan(from, limit, signal), { from, limit, signal }, faults),
    read: (refs) =>
      call(
        'read()',
        () => own.read(refs),
        (answer, breach) => checkAsked(checkAnswer(records, answer, breach), refs, breach),
      ),
    replace: (changes) =>
      call(
        'replace()',
        () => own.replace(changes),
        (answer, breach) => checkOutcomes(answer, changes.length, breach),
      ),
    count,
    ...(own.sample !== undefined && {
      sample: (size, signal) =>
        call(
          'sample()',
          () => own.sample?.(size, signal),
          (answer, breach) => checkAnswer(sampleSchema(size), answer, breach),
        ),
    }),
    async check() {
      if (own.check !== undefined)
        return call(
          'check()',
          () => own.check?.(),
          (answer, breach) => checkAnswer(lineSchema, answer, breach),
        );
      const { records, exact } = await count();
      return `module ${name}, ${records} records${exact ? '' : ' (estimate)'}`;
    },
    caveats: own.caveats ?? [],
    async excluded() {
      if (own.excluded === undefined) return null;
      return call(
        'excluded()',
        () => own.excluded?.(),
        (answer, breach) => checkAnswer(excludedSchema, answer, breach),
      );
    },
    close: () =>
      call(
        'close()',
        () => own.close(),
        () => undefined,
      ),
  };
}
