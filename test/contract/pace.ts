import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Pace } from '../../src/rotation/ports/pace.ts';

/** Opens paces on one broker; `elapse` makes all that it has noted of a rotation's pace so much older. */
export interface PaceHarness {
  pace(rotation: string, configuredRate: number | null): Pace;
  elapse(rotation: string, ms: number): Promise<void>;
  close(): Promise<void>;
}

/** What every adapter of the port `Pace` must do. */
export function describePace(name: string, openHarness: () => Promise<PaceHarness>): void {
  describe(`pace on ${name}`, () => {
    let harness: PaceHarness;
    let rotation: string;
    beforeAll(async () => {
      harness = await openHarness();
    });
    afterAll(() => harness.close());
    beforeEach(() => {
      rotation = `r-${randomUUID().slice(0, 8)}`;
    });
    const at = (rate: number | null): Pace => harness.pace(rotation, rate);

    describe('slots', () => {
      test('the first slice starts at once, the next when it is over', async () => {
        const pace = at(100);
        const first = await pace.take(10);
        expect(first).toEqual({ delayMs: 0, spacingMs: expect.closeTo(10.05, 6), effectiveRate: 100 });
        const { delayMs } = await pace.take(1);
        expect(delayMs).toBeGreaterThan(50);
        expect(delayMs).toBeLessThanOrEqual(100.5);
      });

      test('time that passes unused is not saved up for a burst', async () => {
        const pace = at(100);
        await pace.take(1);
        await harness.elapse(rotation, 60_000);
        expect(await pace.take(100)).toMatchObject({ delayMs: 0 });
        expect((await pace.take(1)).delayMs).toBeGreaterThan(900);
      });

      test('takers at the same time get no slot twice: no second holds more than 102 %, and 98 % are used', async () => {
        const rate = 1000;
        const slots: number[] = [];
        let slowestReplyMs = 0;
        async function takeSome(): Promise<void> {
          // A process of its own as far as the broker can tell.
          const pace = at(rate);
          for (let slice = 0; slice < 60; slice += 1) {
            const asked = performance.now();
            const { delayMs, spacingMs } = await pace.take(5);
            const told = performance.now();
            slowestReplyMs = Math.max(slowestReplyMs, told - asked);
            for (let call = 0; call < 5; call += 1) slots.push(told + delayMs + call * spacingMs);
          }
        }
        await Promise.all(Array.from({ length: 10 }, takeSome));
        slots.sort((a, b) => a - b);
        expect(slots).toHaveLength(3000);
        // The test knows the broker's clock no better than a reply takes.
        const doubt = (slowestReplyMs / 1000) * rate;
        expect(mostInOneSecond(slots)).toBeLessThanOrEqual(rate * 1.02 + doubt);
        const seconds = ((slots.at(-1) ?? 0) - (slots[0] ?? 0)) / 1000;
        expect(slots.length / seconds).toBeGreaterThanOrEqual(0.98 * (rate - doubt / seconds));
        expect(slots.length / seconds).toBeLessThanOrEqual(1.02 * (rate + doubt / seconds));
      });

      test('without a limit nothing waits', async () => {
        const pace = at(null);
        await pace.take(1000);
        expect(await pace.take(1000)).toEqual({ delayMs: 0, spacingMs: 0, effectiveRate: Infinity });
        expect(await pace.rates()).toEqual({ configured: null, effective: null });
      });

      test('a rate below one per second is kept too', async () => {
        const pace = at(0.5);
        await pace.take(1);
        expect((await pace.take(1)).delayMs).toBeGreaterThan(1500);
      });

      test('rotations do not share a limit', async () => {
        await book(at(10), 10, 10);
        expect(await harness.pace(`${rotation}-2`, 10).take(1)).toMatchObject({ delayMs: 0 });
      });
    });

    describe('throttling', () => {
      test('no slice starts before Retry-After is over, with or without a limit', async () => {
        for (const rate of [100, null]) {
          const pace = at(rate);
          await pace.penalize(1500);
          const { delayMs } = await pace.take(1);
          expect(delayMs).toBeGreaterThan(1000);
          expect(delayMs).toBeLessThanOrEqual(1500);
        }
      });

      test('a shorter Retry-After does not shorten a longer one', async () => {
        const pace = at(100);
        await pace.penalize(60_000);
        await pace.penalize(10);
        expect((await pace.take(1)).delayMs).toBeGreaterThan(50_000);
      });

      test('the rate falls by 30 %, once a second however many 429s come', async () => {
        const pace = at(100);
        await Promise.all([pace.penalize(0), pace.penalize(0), pace.penalize(0)]);
        expect((await pace.rates()).effective).toBeCloseTo(70, 0);
        await harness.elapse(rotation, 1000);
        await pace.penalize(0);
        // 2 % came back in that second.
        expect((await pace.rates()).effective).toBeCloseTo(72 * 0.7, 0);
        const { effectiveRate, spacingMs } = await pace.take(1);
        expect(spacingMs).toBeCloseTo(1005 / effectiveRate, 3);
      });

      test('it never falls below a tenth of the limit', async () => {
        const pace = at(100);
        for (let second = 0; second < 12; second += 1) {
          await pace.penalize(0);
          await harness.elapse(rotation, 1000);
        }
        await pace.penalize(0);
        expect(await pace.rates()).toEqual({ configured: 100, effective: expect.closeTo(10, 0) });
      });

      test('it climbs by 2 % of the limit in a quiet second, up to the limit', async () => {
        const pace = at(100);
        await pace.penalize(0);
        await harness.elapse(rotation, 5000);
        expect((await pace.rates()).effective).toBeCloseTo(80, 0);
        await harness.elapse(rotation, 100_000);
        expect(await pace.rates()).toEqual({ configured: 100, effective: 100 });
      });

      test('a 429 within the second lets it fall no further, but starts the quiet time anew', async () => {
        const pace = at(100);
        await pace.penalize(0);
        await harness.elapse(rotation, 900);
        await pace.penalize(0);
        await harness.elapse(rotation, 900);
        // 1.8 % twice; a fall would have left half.
        expect((await pace.rates()).effective).toBeCloseTo(73.6, 0);
      });

      test('without a limit only the start is put off', async () => {
        const pace = at(null);
        await pace.penalize(0);
        expect(await pace.rates()).toEqual({ configured: null, effective: null });
        expect((await pace.take(1)).effectiveRate).toBe(Infinity);
      });
    });

    describe('a live rate', () => {
      test('holds for every worker, and after a restart', async () => {
        await at(100).setRate(10);
        expect(await at(100).rates()).toEqual({ configured: 10, effective: 10 });
        expect(await at(100).take(1)).toMatchObject({
          spacingMs: expect.closeTo(100.5, 6),
          effectiveRate: 10,
        });
      });

      test('ends for a config with another rate', async () => {
        await at(100).setRate(10);
        expect(await at(200).rates()).toEqual({ configured: 200, effective: 200 });
        expect(await at(null).rates()).toEqual({ configured: null, effective: null });
      });

      test('takes the limit away, and sets one where there was none', async () => {
        await at(100).setRate(null);
        expect(await at(100).take(1)).toMatchObject({ effectiveRate: Infinity });
        await at(null).setRate(5);
        expect(await at(null).take(1)).toMatchObject({ effectiveRate: 5 });
        // One live rate at a time.
        expect(await at(100).take(1)).toMatchObject({ effectiveRate: 100 });
      });

      test('bites at once, though slots far ahead were given away under the old one', async () => {
        const pace = at(2);
        await book(pace, 2, 60);
        await pace.setRate(1000);
        expect((await pace.take(1)).delayMs).toBeLessThanOrEqual(250);
      });

      test('set again it gives no slot away twice', async () => {
        const pace = at(100);
        await book(pace, 100, 30);
        await pace.setRate(100);
        expect((await pace.take(1)).delayMs).toBeGreaterThan(20_000);
      });

      test('does not shorten Retry-After', async () => {
        const pace = at(100);
        await pace.penalize(30_000);
        await pace.setRate(200);
        expect((await pace.take(1)).delayMs).toBeGreaterThan(20_000);
      });

      test('is throttled as the configured one is', async () => {
        const pace = at(1000);
        await pace.setRate(100);
        await pace.penalize(0);
        expect(await pace.rates()).toEqual({ configured: 100, effective: expect.closeTo(70, 0) });
      });

      test('of zero, below, or no number is refused, as it would stop all for ever', async () => {
        for (const rate of [0, -1, Number.NaN, Infinity]) {
          await expect(at(100).setRate(rate)).rejects.toMatchObject({
            code: 'BAD_RATE',
            faultClass: 'usage',
          });
        }
        expect(await at(100).rates()).toEqual({ configured: 100, effective: 100 });
      });
    });

    describe('another rate in the config', () => {
      test('bites at once, though slots far ahead were given away under the old one', async () => {
        await book(at(2), 2, 60);
        await harness.elapse(rotation, 11_000);
        expect((await at(1000).take(1)).delayMs).toBeLessThanOrEqual(250);
      });

      test('does not give slots away twice while workers with the old and the new one take turns', async () => {
        await at(100).take(1);
        await harness.elapse(rotation, 11_000);
        for (let turn = 0; turn < 20; turn += 1) {
          await at(100).take(50);
          await at(200).take(100);
        }
        expect((await at(100).take(1)).delayMs).toBeGreaterThan(15_000);
      });
    });
  });
}

/** Gives away so many seconds of slots. */
async function book(pace: Pace, rate: number, seconds: number): Promise<void> {
  await pace.take(rate * seconds);
}

function mostInOneSecond(ascending: readonly number[]): number {
  let most = 0;
  let first = 0;
  for (const [last, slot] of ascending.entries()) {
    while (slot - (ascending[first] ?? slot) >= 1000) first += 1;
    most = Math.max(most, last - first + 1);
  }
  return most;
}
