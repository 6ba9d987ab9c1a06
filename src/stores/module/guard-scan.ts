import type { ScanPage } from '../../rotation/ports/record-store.ts';
import type { Cursor } from '../../rotation/record.ts';
import { unlessAborted } from '../../rotation/unless-aborted.ts';
import { checkAnswer, pageSchema } from './check-answer.ts';
import type { ModuleFaults } from './module-faults.ts';

const step = 'scan()';

export interface ScanRequest {
  readonly from: Cursor | null;
  readonly limit: number;
  readonly signal: AbortSignal;
}

/**
 * The pages of a module's scan, each checked. Ends when the signal aborts, also where the module takes no
 * notice.
 */
export async function* guardScan(
  begin: () => unknown,
  request: ScanRequest,
  faults: ModuleFaults,
): AsyncGenerator<ScanPage> {
  const { signal } = request;
  if (signal.aborted) return;
  const pages = checkedPages(begin, request, faults);
  try {
    for (;;) {
      const next = await unlessAborted(pages.next(), signal);
      if (next === null || next.done === true) return;
      yield next.value;
    }
  } finally {
    // A module that does not answer can't be told to end either.
    const ended = pages.return(undefined).catch(() => undefined);
    if (!signal.aborted) await ended;
  }
}

async function* checkedPages(
  begin: () => unknown,
  { from, limit }: ScanRequest,
  faults: ModuleFaults,
): AsyncGenerator<ScanPage> {
  const schema = pageSchema(limit);
  const breach = (rule: string) => faults.breach(step, rule);
  let before = from;
  try {
    const answers = await begin();
    if (!isIterable(answers)) throw breach('it must be an async generator, or give another async iterable');
    for await (const answer of answers) {
      const page = checkAnswer(schema, answer, breach);
      if (page.cursor === before) throw breach('the cursor of each page must lie after the one before');
      before = page.cursor;
      yield page;
    }
  } catch (error) {
    throw faults.thrown(step, error);
  }
}

function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return (
    typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}
