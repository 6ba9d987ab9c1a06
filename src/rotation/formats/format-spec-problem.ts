import { describeFormat } from './describe-format.ts';
import type { FormatSpec, SingleFormat } from './format.ts';
import { hides } from './hides.ts';
import { parseJsonPointer } from './json-pointer.ts';

/**
 * Why a format could never do its work, and what to do; null where it can. Its JSON pointers are well-formed.
 */
export function formatSpecProblem(spec: FormatSpec): string | null {
  const formats = [spec].flat();
  if (formats.length === 0) return 'is an empty list; name at least one';
  for (const format of formats) {
    const problem = singleProblem(format);
    if (problem !== null) return problem;
  }
  return orderProblem(formats);
}

function singleProblem(spec: SingleFormat): string | null {
  if (typeof spec === 'string') return null;
  const problem = 'json' in spec ? jsonProblem([spec.json].flat(), spec.format) : null;
  return problem ?? singleProblem(spec.format);
}

function jsonProblem(pointers: readonly string[], inner: SingleFormat): string | null {
  return pointersProblem(pointers) ?? jsonTextProblem(inner);
}

function pointersProblem(pointers: readonly string[]): string | null {
  if (pointers.length === 0) return 'has an empty list of JSON pointers; name at least one';
  const paths = pointers.map((pointer) => ({ pointer, steps: parseJsonPointer(pointer) }));
  for (const [index, later] of paths.entries()) {
    for (const earlier of paths.slice(0, index)) {
      if (earlier.pointer === later.pointer) return `names ${quote(later.pointer)} twice; name it once`;
      if (leadsInto(earlier.steps, later.steps) || leadsInto(later.steps, earlier.steps)) {
        const both = `${quote(earlier.pointer)} and ${quote(later.pointer)}`;
        return `names ${both}, of which one lies in the other, so that both cannot be strings; keep one`;
      }
    }
  }
  return null;
}

/** What stands in a JSON string is text, and these are bytes. */
function jsonTextProblem(inner: SingleFormat): string | null {
  if (typeof inner !== 'string') return 'prefix' in inner ? jsonTextProblem(inner.format) : null;
  if (inner !== 'tink' && inner !== 'envelope') return null;
  return `has ${inner}, which is bytes, in a JSON string; write { encoding: base64, format: ${inner} } for ${inner}`;
}

function orderProblem(formats: readonly SingleFormat[]): string | null {
  for (const [index, later] of formats.entries()) {
    const earlier = formats.slice(0, index).find((format) => hides(format, later));
    if (earlier === undefined) continue;
    const [first, second] = [describeFormat(earlier), describeFormat(later)];
    const advice = hides(later, earlier) ? 'keep one of them' : `put ${second} first`;
    return `is a list in which ${first} opens what ${second} should; ${advice}`;
  }
  return null;
}

function leadsInto(outer: readonly string[], inner: readonly string[]): boolean {
  return outer.length < inner.length && outer.every((step, index) => step === inner[index]);
}

function quote(pointer: string): string {
  return pointer === '' ? '""' : pointer;
}
