import { describe, expect, test, vi } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import type { Replacement } from '../../src/rotation/record.ts';
import { checkStore } from '../../src/stores/module/check-store.ts';
import { guardStore } from '../../src/stores/module/guard-store.ts';
import { faultsOf } from '../../src/stores/module/module-faults.ts';
import { guarded, pagesOf } from '../support/guarded-store.ts';

const canary = 'ciphertext-canary';
const never = new AbortController().signal;
const value = Buffer.from('value');
const good = { ref: 'a', value, fields: { tenant: 'acme' }, keyVersion: 'v1', revision: 'r1' };
const change: Replacement = { ...good, oldValue: value, newValue: value, keyVersion: 'v2' };

function broken(rule: string) {
  return expect.objectContaining({
    faultClass: 'rotation',
    code: 'STORE_CONTRACT',
    peer: 'store',
    message: expect.stringMatching(new RegExp(`^store module \\./my-store\\.js: \\w+\\(\\) .*${rule}`)),
  });
}

describe('an answer that breaks a rule stops the rotation, and says which', () => {
  test.each([
    ['array of records', { records: [] }],
    ['each record must be an object', [null]],
    ['asked for', [{ ...good, ref: 'b' }]],
    ['come once', [good, good]],
    ['ref of a record must be a string', [{ ...good, ref: 1 }]],
    ['value of a record must be a Uint8Array', [{ ...good, value: canary }]],
    ['value of a record must be a Uint8Array', [{ ...good, value: new Uint8Array(1).buffer }]],
    ['fields of a record must be an object', [{ ...good, fields: undefined }]],
    ['field tenant of a record must be a string or null', [{ ...good, fields: {} }]],
    ['field tenant of a record must be a string or null', [{ ...good, fields: { tenant: 42 } }]],
    ['keyVersion of a record must be a string or null', [{ ...good, keyVersion: 1 }]],
    ['revision of a record must be a string or null', [{ ...good, revision: 1 }]],
  ])('read: %s', async (rule, answer) => {
    const reading = guarded({ read: () => answer }).read(['a']);
    await expect(reading).rejects.toEqual(broken(rule));
    await expect(reading).rejects.not.toThrow(canary);
  });

  test.each([
    ['one outcome for each change', undefined],
    ['one outcome for each change', []],
    ['one outcome for each change', ['replaced', 'replaced']],
    ['outcome must be', ['missing']],
    ['outcome must be', [new Error(canary)]],
    ['outcome must be', [new Fault('transient', 'STORE_DOWN', 'down')]],
  ])('replace: %s', async (rule, answer) => {
    await expect(guarded({ replace: async () => answer }).replace([change])).rejects.toEqual(broken(rule));
  });

  test.each([
    ['each page must be an object', 'page'],
    ['refs of a page must be an array', { refs: 'abc', cursor: 'c' }],
    ['page must not be empty', { refs: [], cursor: 'c' }],
    ['more refs than the limit', { refs: ['a', 'b', 'c', 'd'], cursor: 'd' }],
    ['each ref must be a string', { refs: [1], cursor: 'c' }],
    // A broker on PostgreSQL would refuse them each time, and the rotation never end.
    ['each ref must not hold', { refs: ['a\0'], cursor: 'c' }],
    ['or a lone surrogate', { refs: ['\udc00a'], cursor: 'c' }],
    ['the cursor of a page must not hold', { refs: ['a'], cursor: '\0' }],
    ['twice in a page', { refs: ['a', 'a'], cursor: 'c' }],
    ['cursor of a page must be a string', { refs: ['a'], cursor: 7 }],
  ])('scan: %s', async (rule, page) => {
    const store = guarded({
      async *scan() {
        yield page;
      },
    });
    await expect(pagesOf(store)).rejects.toEqual(broken(rule));
  });

  test('scan: a cursor that stands still would scan for ever', async () => {
    const ended = vi.fn();
    const store = guarded({
      async *scan() {
        try {
          for (let page = 0; page < 100; page += 1) yield { refs: ['a'], cursor: 'a' };
        } finally {
          ended();
        }
      },
    });
    await expect(pagesOf(store)).rejects.toEqual(broken('must lie after the one before'));
    expect(ended).toHaveBeenCalledOnce();
  });

  test.each([undefined, 'pages', 7, {}])('scan: nothing to iterate over (%j)', async (answer) => {
    await expect(pagesOf(guarded({ scan: () => answer }))).rejects.toEqual(broken('async iterable'));
  });

  test.each([
    ['records, exact', 7],
    ['whole number', { records: '7', exact: true }],
    ['whole number', { records: 7n, exact: true }],
    ['whole number', { records: 1.5, exact: true }],
    ['not be negative', { records: -1, exact: true }],
    ['true or false', { records: 1 }],
  ])('count: %s', async (rule, answer) => {
    await expect(guarded({ count: () => answer }).count()).rejects.toEqual(broken(rule));
  });

  test.each([
    ['array of refs', undefined],
    ['each ref must be a string', [1]],
    ['more refs than it was asked for', ['a', 'b', 'c']],
    ['twice in a sample', ['a', 'a']],
  ])('sample: %s', async (rule, answer) => {
    await expect(guarded({ sample: () => answer }).sample?.(2, never)).rejects.toEqual(broken(rule));
  });

  test('sample: a store without one has none behind the guard, so that a plan scans it', () => {
    expect(guarded({})).not.toHaveProperty('sample');
  });

  test.each([undefined, 'two\nlines'])('check: no line (%j)', async (answer) => {
    await expect(guarded({ check: () => answer }).check()).rejects.toEqual(broken('it must give'));
  });
});

describe('where nothing is lost, an answer is taken as it is', () => {
  test('notes left out are null, and what was not asked for is dropped', async () => {
    const read = () => [{ ref: 'a', value, fields: { tenant: null, secret: canary }, more: canary }];
    expect(await guarded({ read }).read(['a', 'b'])).toEqual([
      { ref: 'a', value, fields: { tenant: null }, keyVersion: null, revision: null },
    ]);
  });

  test('no fields where none are asked for', async () => {
    expect(await guarded({ read: () => [{ ref: 'a', value }] }, []).read(['a'])).toEqual([
      { ref: 'a', value, fields: {}, keyVersion: null, revision: null },
    ]);
  });

  test('plain answers instead of promises, and a plain iterable as the scan', async () => {
    const page = { refs: ['a'], cursor: 'a' };
    expect(await pagesOf(guarded({ scan: () => [page] }))).toEqual([page]);
    expect(await pagesOf(guarded({ scan: async () => [page] }))).toEqual([page]);
  });

  test('methods of a class keep their this', async () => {
    class Mine {
      readonly records = 3;
      async *scan() {}
      read = () => [];
      replace = () => ['replaced', 'conflict'];
      count() {
        return { records: this.records, exact: false };
      }
      close() {}
    }
    const faults = faultsOf('./my-store.js');
    const store = guardStore(checkStore(new Mine(), faults), './my-store.js', [], faults);
    expect(await store.check()).toBe('module ./my-store.js, 3 records (estimate)');
    expect(await store.replace([change, change])).toEqual(['replaced', 'conflict']);
  });
});

describe('what a module throws', () => {
  /** As another copy of keyturn makes them. */
  const foreign = (faultClass: string, code: string): Error =>
    Object.assign(new Error('words'), {
      name: 'Fault',
      faultClass,
      code,
      retryAfterMs: 500,
      throttled: true,
    });

  test('a fault of another copy of keyturn becomes ours', async () => {
    const read = async () => {
      throw foreign('transient', 'STORE_BUSY');
    };
    const fault: unknown = await guarded({ read })
      .read(['a'])
      .catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(Fault);
    expect(fault).toMatchObject({
      faultClass: 'transient',
      code: 'STORE_BUSY',
      message: 'words',
      peer: 'store',
      retryAfterMs: 500,
      // The pace is the KMS's.
      throttled: false,
    });
  });

  test('a record fault of another copy stays with its record', async () => {
    const [outcome] = await guarded({ replace: () => [foreign('record', 'TOO_LONG')] }).replace([change]);
    expect(outcome).toBeInstanceOf(Fault);
    expect(outcome).toMatchObject({ faultClass: 'record', code: 'TOO_LONG', peer: undefined });
  });

  test.each([
    ['a class that there is not', foreign('fatal', 'STORE_BUSY')],
    ['a fault whose code could be a value', foreign('transient', canary)],
    ['an error with a value in it', new TypeError(canary)],
    ['a text', canary],
    ['nothing', undefined],
  ])('%s is a passing fault without its words', async (_, thrown) => {
    const store = guarded({ read: () => Promise.reject(thrown) });
    const fault: unknown = await store.read(['a']).catch((error: unknown) => error);
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'STORE_ERROR', peer: 'store' });
    expect(fault).not.toMatchObject({ message: expect.stringContaining(canary) });
    expect(fault).toMatchObject({ cause: undefined });
  });

  test('an answer that throws when it is looked at is a fault, too', async () => {
    const trap = new Proxy(
      {},
      {
        get: () => {
          throw new Error(canary);
        },
      },
    );
    const store = guarded({ read: async () => [trap], scan: () => [trap], replace: () => [trap] });
    for (const answer of [store.read(['a']), pagesOf(store), store.replace([change])])
      await expect(answer).rejects.toMatchObject({ code: 'STORE_ERROR' });
  });

  test('an error tells its name, code and place, so that its author can find it', async () => {
    const read = () => {
      throw new TypeError(`at ${canary}.js:1:1\n    at ${canary}.js:2:2`, {
        cause: { code: 'ECONNREFUSED' },
      });
    };
    await expect(guarded({ read }).read(['a'])).rejects.toThrow(
      /read\(\) failed with TypeError \(ECONNREFUSED\) at module-store-guard\.test\.ts:\d+:\d+;/,
    );
  });

  test('a record fault that is thrown would be no record’s', async () => {
    const replace = () => {
      throw new Fault('record', 'TOO_LONG', 'too long');
    };
    await expect(guarded({ replace }).replace([change])).rejects.toEqual(broken('TOO_LONG'));
  });

  test('a usage fault in the midst of a rotation pauses it', async () => {
    const count = () => {
      throw new Fault('usage', 'BAD_OPTIONS', 'mend the options');
    };
    await expect(guarded({ count }).count()).rejects.toMatchObject({
      faultClass: 'rotation',
      code: 'BAD_OPTIONS',
    });
  });

  test('in a scan and in close, too', async () => {
    const fail = () => {
      throw new Error(canary);
    };
    const store = guarded({ scan: fail, close: fail });
    await expect(pagesOf(store)).rejects.toMatchObject({ code: 'STORE_ERROR' });
    await expect(pagesOf(guarded({ scan: async () => fail() }))).rejects.toMatchObject({
      code: 'STORE_ERROR',
    });
    await expect(store.close()).rejects.toMatchObject({ code: 'STORE_ERROR' });
  });
});

test('what a store says it leaves out is passed on, and one that says nothing leaves nothing out', async () => {
  expect(await guarded({}).excluded()).toBeNull();
  expect(await guarded({ excluded: async () => null }).excluded()).toBeNull();
  const excluded = { what: 'closed accounts', records: null, exact: false };
  expect(await guarded({ excluded: async () => excluded }).excluded()).toEqual(excluded);
  for (const [given, rule] of [
    [undefined, 'null or an object'],
    [{ ...excluded, what: 1 }, 'what must be a string'],
    [{ ...excluded, records: -1 }, 'must not be negative'],
  ] as const)
    await expect(guarded({ excluded: async () => given }).excluded()).rejects.toEqual(broken(rule));
});
