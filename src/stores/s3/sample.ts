import type { Ref } from '../../rotation/record.ts';
import { compareKeys, createKeyGuesser, endOfKeysLike } from './guess-key.ts';
import type { ListStart, S3Requests } from './requests.ts';
import { listKeys, type S3Scope } from './scan.ts';

/** Lists of a bucket that is listed whole, a thousand keys each. */
const wholeLists = 10;
/** Lists at random places of a larger one. */
const randomLists = 40;

export interface S3SampleDeps {
  readonly requests: Pick<S3Requests, 'list'>;
  readonly scope: S3Scope;
  readonly signal: AbortSignal;
  readonly random?: () => number;
}

/** Keys that no list has shown: behind `after`, up to `before`. */
interface Gap {
  readonly after: string;
  readonly before: string;
}

/**
 * Keys drawn at random: of a bucket with a few thousand objects each as likely as another. A larger one is
 * listed at random places, closer together where keys are many, and each list gives as many.
 */
export async function sampleKeys(deps: S3SampleDeps, size: number): Promise<readonly Ref[]> {
  const { requests, scope, signal, random = Math.random } = deps;
  const first: (readonly Ref[])[] = [];
  let next: ListStart | null = { after: null, token: null };
  while (next !== null && first.length < wholeLists && !signal.aborted) {
    const list: Awaited<ReturnType<typeof listKeys>> = await listKeys(requests, scope, next, signal);
    first.push(list.refs);
    next = list.next;
  }
  const after = next?.after ?? null;
  if (after === null) return takeAny(first.flat(), size, random);
  const { lists, isWhole } = await listGaps(deps, after, first.flat());
  if (isWhole) return takeAny([...first, ...lists].flat(), size, random);
  // One of the first for all of them: they lie side by side.
  return takeInTurns([...takeAny(first, 1, random), ...lists], size, random);
}

/** Lists at random places behind `after`; `isWhole` if they left nothing out. */
async function listGaps(
  deps: S3SampleDeps,
  after: string,
  known: readonly Ref[],
): Promise<{ lists: (readonly Ref[])[]; isWhole: boolean }> {
  const { requests, scope, signal, random = Math.random } = deps;
  const guesser = createKeyGuesser(random);
  guesser.learn([...known, after]);
  const lists: (readonly Ref[])[] = [];
  // The gaps that are left of one are listed after all others, so that all parts have their turn.
  const gaps: Gap[] = [{ after, before: await findEnd(deps, after) }];
  for (let gap = gaps.shift(); gap !== undefined; gap = gaps.shift()) {
    const { before } = gap;
    const start = guesser.between(gap.after, before) ?? gap.after;
    const { refs, next } = await listKeys(requests, scope, { after: start, token: null }, signal);
    const found = refs.filter((ref) => compareKeys(ref, before) <= 0);
    guesser.learn(found);
    lists.push(found);
    const end = next?.after ?? before;
    const left = { after: gap.after, before: start };
    // Behind the guess there is nothing: the keys of this gap, if any, are all still to be found.
    if (found.length === 0 && start !== gap.after) gaps.unshift(left);
    else if (start !== gap.after) gaps.push(left);
    if (compareKeys(end, before) < 0) gaps.push({ after: end, before });
    if (lists.length >= randomLists || signal.aborted) break;
  }
  return { lists, isWhole: gaps.length === 0 };
}

/**
 * A text behind the last key, with as many characters of `key` as all later ones begin with: else most
 * guesses would lie behind the last key. By bisection, a list for each step.
 */
async function findEnd({ requests, scope, signal }: S3SampleDeps, key: string): Promise<string> {
  let [common, tooMany] = [Array.from(scope.prefix).length, Array.from(key).length + 1];
  while (tooMany - common > 1 && !signal.aborted) {
    const middle = Math.floor((common + tooMany) / 2);
    const start = { after: endOfKeysLike(key, middle), token: null };
    const { next, refs } = await listKeys(requests, scope, start, signal);
    if (refs.length === 0 && next === null) common = middle;
    else tooMany = middle;
  }
  return endOfKeysLike(key, common);
}

/** From each list in turn, so that each part of the bucket has its share. */
function takeInTurns(lists: readonly (readonly Ref[])[], size: number, random: () => number): Ref[] {
  const shuffled = takeAny(lists, lists.length, random).map((refs) => takeAny(refs, size, random));
  const turns = Array.from({ length: size }, (_, turn) => shuffled.flatMap((refs) => refs[turn] ?? []));
  return [...new Set(turns.flat())].slice(0, size);
}

/** At most `size` of the items, in random order. */
function takeAny<Item>(items: readonly Item[], size: number, random: () => number): Item[] {
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((left, right) => left.place - right.place)
    .slice(0, size)
    .map(({ item }) => item);
}
