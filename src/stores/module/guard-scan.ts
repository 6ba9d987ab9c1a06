import type { ScanPage } from '../../rotation/ports/record-store.ts';
import type { Cursor } from '../../rotation/record.ts';
import { checkAnswer, pageSchema } from './check-answer.ts';
import type { ModuleFaults } from './module-faults.ts';

const step = 'scan()';

export interface ScanRequest {
  readonly from: Cursor | null;
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** The pages of a module's scan, each checked. Ends when the signal aborts, also where the module takes no notice. */
export async function* guardScan(
  begin: () => unknown,
  { from, limit, signal }: ScanRequest,
  faults: ModuleFaults,
): AsyncGenerator<ScanPage> {
  if (signal.aborted) return;
  const schema = pageSchema(limit);
  const breach = (rule: string) => faults.breach(step, rule);
  const pages = pagesOf(begin, faults);
  let before = from;
  try {
    for (;;) {
      const next = await unlessAborted(pages.next(), signal);
      if (next === null || next.done === true) return;
      const page = checkAnswer(schema, next.value, breach);
      if (page.cursor === before) throw breach('the cursor of each page must lie after the one before');
      before = page.cursor;
      yield page;
    }
  } finally {
    // A module that does not answer can't be told to end either.
    const ended = pages.return(undefined).catch(() => undefined);
    if (!signal.aborted) await ended;
  }
}

async function* pagesOf(begin: () => unknown, faults: ModuleFaults): AsyncGenerator {
  let pages: unknown;
  try {
    pages = await begin();
    if (isIterable(pages)) {
      yield* pages;
      return;
    }
  } catch (error) {
    throw faults.thrown(step, error);
  }
  throw faults.breach(step, 'it must be an async generator, or give another async iterable');
}

function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return (
    typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}

/** Null as soon as the signal aborts; what becomes of the work after that is dropped. */
function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result | null> {
  if (signal.aborted) {
    work.catch(() => undefined);
    return Promise.resolve(null);
  }
  return new Promise((resolve, reject) => {
    const stop = (): void => resolve(null);
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
