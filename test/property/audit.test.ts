import fc from 'fast-check';
import { readFile, writeFile } from 'node:fs/promises';
import { beforeAll, expect, test } from 'vitest';
import { checkAudit } from '../../src/telemetry/audit-check.ts';
import { openAuditLog } from '../../src/telemetry/audit-log.ts';
import { auditOrigin, auditPath, settled, writeAudit } from '../support/audit-file.ts';
import { runs } from '../support/property-runs.ts';

const entries = 12;
let whole: Buffer;
let lines: string[];
let heads: string[];
let copy: string;

beforeAll(async () => {
  whole = await readFile(await writeAudit(entries));
  lines = whole.toString().trimEnd().split('\n');
  heads = lines.map((line) => String(JSON.parse(line).hash));
  copy = await auditPath();
});

async function check(content: string | Uint8Array, head: string | null = null) {
  await writeFile(copy, content);
  return checkAudit(copy, head);
}

const at = fc.nat(entries - 1);
const joined = (changed: readonly string[]): string => changed.map((line) => `${line}\n`).join('');

test('the untouched log holds, up to any head', async () => {
  for (const [index, head] of heads.entries())
    expect(await check(whole, head)).toMatchObject({ ok: true, entries, afterHead: entries - 1 - index });
});

test('the edit of any byte is found', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), async (place, change) => {
      const edited = Buffer.from(whole);
      edited[place] = (edited[place] ?? 0) ^ change;
      expect(await check(edited)).toMatchObject({ ok: false });
    }),
    runs(200),
  );
});

test('bytes put in or taken out anywhere are found', async () => {
  const bytes = fc.uint8Array({ maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length), fc.nat(8), bytes, async (place, taken, put) => {
      const edited = Buffer.concat([whole.subarray(0, place), put, whole.subarray(place + taken)]);
      fc.pre(!edited.equals(whole));
      // A cut at the end of a line is the one that only a head shows.
      const end = place + taken >= whole.length && edited.equals(whole.subarray(0, edited.length));
      expect((await check(edited, end ? (heads.at(-1) ?? null) : null)).ok).toBe(false);
    }),
    runs(200),
  );
});

test('lines removed, doubled, swapped or from elsewhere are found', async () => {
  const foreign = (await readFile(await writeAudit(entries), 'utf8')).split('\n');
  const tampering = fc.oneof(
    fc.nat(entries - 2).map((index) => lines.toSpliced(index, 1)),
    fc.tuple(at, at).map(([from, to]) => lines.toSpliced(to, 0, lines[from] ?? '')),
    fc
      .tuple(at, at)
      .filter(([a, b]) => a !== b)
      .map(([a, b]) => lines.with(a, lines[b] ?? '').with(b, lines[a] ?? '')),
    fc.nat(entries - 2).map((index) => lines.with(index, foreign[index] ?? '')),
    at.map((index) => lines.toSpliced(index, 0, '')),
  );
  await fc.assert(
    fc.asyncProperty(tampering, async (changed) => {
      const found = await check(joined(changed));
      expect(found.ok).toBe(false);
      expect(found.problem?.line).toBeGreaterThan(0);
    }),
    runs(),
  );
});

test('a cut end is seen exactly where the head that was kept is cut off', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: entries }), at, async (left, kept) => {
      const cut = joined(lines.slice(0, left));
      expect((await check(cut)).ok).toBe(true);
      expect((await check(cut, heads[kept] ?? '')).ok).toBe(kept < left);
    }),
    runs(50),
  );
});

test('a log that is cut at any byte, and cut again as it is mended, can be gone on with, and then holds', async () => {
  const cuts = fc.array(fc.nat(), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(cuts, async (cuts) => {
      await writeFile(copy, whole);
      let kept = 0;
      for (const cut of cuts) {
        // What was mended is cut off, up to all of it, so that halves of lines come to lie behind each other.
        const content = await readFile(copy);
        const left = kept + (cut % (content.length - kept + 1));
        await writeFile(copy, content.subarray(0, left));
        await openAuditLog(copy, auditOrigin).record(settled(99));
        kept = left;
        expect(await checkAudit(copy, null)).toMatchObject({ ok: true, problem: null });
      }
    }),
    runs(60),
  );
});
