const maxRetryAfterMs = 3_600_000;
/** RFC 9110 §5.6.7: all three forms of a date begin with the name of a day. */
const httpDate = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /;

/**
 * `Retry-After` (RFC 9110 §10.2.3), seconds or a date, in milliseconds, held within 0 and one hour. A date is
 * judged by the `Date` of the same reply where it has one, else by `nowMs`: our own clock may be wrong, and
 * the pause is for all workers. Undefined where the header is missing or is neither.
 */
export function parseRetryAfter(
  header: string | undefined,
  dateHeader: string | undefined,
  nowMs: number,
): number | undefined {
  if (header === undefined) return undefined;
  const text = header.trim();
  const delayMs = /^[+-]?\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : readHttpDate(text) - sentAt();
  if (Number.isNaN(delayMs)) return undefined;
  return Math.min(Math.max(Math.ceil(delayMs), 0), maxRetryAfterMs);

  function sentAt(): number {
    const date = readHttpDate(dateHeader?.trim() ?? '');
    return Number.isNaN(date) ? nowMs : date;
  }
}

/** NaN if it is none; `Date.parse` alone would take "maybe 12" for one. */
function readHttpDate(text: string): number {
  if (!httpDate.test(text)) return Number.NaN;
  // The oldest form, asctime's, names no zone and is in UTC all the same.
  return Date.parse(text.endsWith(' GMT') ? text : `${text} GMT`);
}
