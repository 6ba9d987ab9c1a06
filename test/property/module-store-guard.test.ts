import { isUint8Array } from 'node:util/types';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { checkStore } from '../../src/stores/module/check-store.ts';
import { guardStore } from '../../src/stores/module/guard-store.ts';
import { faultsOf } from '../../src/stores/module/module-faults.ts';
import { runs } from '../support/property-runs.ts';

const never = new AbortController().signal;
const change = {
  ref: 'a',
  oldValue: Buffer.from('old'),
  newValue: Buffer.from('new'),
  keyVersion: 'v2',
  revision: null,
};

/** Anything at all, and what comes close to a right answer. */
const answer = fc.anything({ withNullPrototype: true, withTypedArray: true, withBigInt: true });
const record = fc.record(
  {
    ref: fc.oneof(fc.constantFrom('a', 'b', 'c'), answer),
    value: fc.oneof(fc.uint8Array(), answer),
    fields: fc.oneof(fc.record({ tenant: fc.oneof(fc.string(), answer) }), answer),
    keyVersion: answer,
    revision: answer,
  },
  { requiredKeys: [] },
);
const page = fc.record(
  { refs: fc.oneof(fc.array(fc.oneof(fc.constantFrom('a', 'b'), answer)), answer), cursor: fc.string() },
  { requiredKeys: [] },
);
const outcome = fc.oneof(fc.constantFrom('replaced', 'conflict'), answer);

/** A module that gives `given` whatever it is asked, or throws it. */
function storeThatGives(given: unknown, throws: boolean): RecordStore {
  const give = (): unknown => (throws ? Promise.reject(given) : given);
  const faults = faultsOf('./any.js');
  const own = { scan: give, read: give, replace: give, count: give, close: give, check: give };
  return guardStore(checkStore(own, faults), './any.js', ['tenant'], faults);
}

/** What a call gives, or null where it threw what only the guard may throw. */
async function unlessFault<Answer>(call: () => Promise<Answer>): Promise<Answer | null> {
  try {
    return await call();
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    return null;
  }
}

describe('whatever a module answers or throws, the core gets a right answer or a fault', () => {
  const given = <Part>(part: fc.Arbitrary<Part>) => fc.oneof(part, answer, fc.array(part, { maxLength: 4 }));

  test('read', async () => {
    await fc.assert(
      fc.asyncProperty(given(record), fc.boolean(), async (given, throws) => {
        const read = await unlessFault(() => storeThatGives(given, throws).read(['a', 'b']));
        const refs = (read ?? []).map(({ ref }) => ref);
        expect(new Set(refs).size).toBe(refs.length);
        for (const { ref, value, fields, keyVersion, revision } of read ?? []) {
          expect(['a', 'b']).toContain(ref);
          expect(isUint8Array(value)).toBe(true);
          expect(Object.keys(fields)).toEqual(['tenant']);
          for (const text of [fields['tenant'], keyVersion, revision])
            expect(text === null || typeof text === 'string').toBe(true);
        }
      }),
      runs(),
    );
  });

  test('scan', async () => {
    await fc.assert(
      fc.asyncProperty(given(page), fc.boolean(), async (given, throws) => {
        await unlessFault(async () => {
          for await (const { refs, cursor } of storeThatGives(given, throws).scan(null, 2, never)) {
            expect([1, 2]).toContain(refs.length);
            for (const text of [...refs, cursor]) expect(typeof text).toBe('string');
          }
        });
      }),
      runs(),
    );
  });

  test('replace, count and check', async () => {
    await fc.assert(
      fc.asyncProperty(given(outcome), fc.boolean(), async (given, throws) => {
        const store = storeThatGives(given, throws);
        const outcomes = await unlessFault(() => store.replace([change, change]));
        if (outcomes !== null) expect(outcomes).toHaveLength(2);
        for (const each of outcomes ?? []) expect(['replaced', 'conflict']).toContain(each);
        const count = await unlessFault(() => store.count());
        if (count !== null) expect(Number.isSafeInteger(count.records)).toBe(true);
        const line = await unlessFault(() => store.check());
        if (line !== null) expect(line).not.toContain('\n');
        await unlessFault(() => store.close());
      }),
      runs(),
    );
  });
});
