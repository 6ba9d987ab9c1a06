import { describe, expect, test, vi } from 'vitest';
import { guarded, pagesOf } from '../support/guarded-store.ts';

const never = new AbortController().signal;

describe('a scan that takes no notice of the signal', () => {
  test('ends for us while it waits for ever', async () => {
    const control = new AbortController();
    const store = guarded({
      async *scan() {
        yield { refs: ['a'], cursor: 'a' };
        await new Promise(() => undefined);
      },
    });
    const scanning = pagesOf(store, 3, control.signal);
    setImmediate(() => control.abort());
    expect(await scanning).toHaveLength(1);
  });

  test('ends for us while it has more, and an error that comes late is dropped', async () => {
    const control = new AbortController();
    const store = guarded({
      async *scan(_from: unknown, _limit: unknown, signal: AbortSignal) {
        yield { refs: ['a'], cursor: 'a' };
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        throw new Error('aborted');
      },
    });
    const seen: string[] = [];
    for await (const page of store.scan(null, 3, control.signal)) {
      seen.push(...page.refs);
      setImmediate(() => control.abort());
    }
    expect(seen).toEqual(['a']);
  });

  test('is not even begun when it comes too late', async () => {
    const scan = vi.fn();
    expect(await pagesOf(guarded({ scan }), 3, AbortSignal.abort())).toEqual([]);
    expect(scan).not.toHaveBeenCalled();
  });
});

test('a scan that is left early is ended, and its trouble then is no one’s', async () => {
  const ended = vi.fn();
  const store = guarded({
    scan: () => ({
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ value: { refs: ['a'], cursor: 'a' }, done: false }),
        return: async () => {
          ended();
          throw new Error('cannot close');
        },
      }),
    }),
  });
  for await (const page of store.scan(null, 3, never)) {
    expect(page.refs).toEqual(['a']);
    break;
  }
  expect(ended).toHaveBeenCalledOnce();
});
