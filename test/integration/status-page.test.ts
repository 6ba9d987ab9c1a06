import { Redis } from 'ioredis';
import { request } from 'undici';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { startBrowser, textsTooPale, watchForTrouble } from '../support/browser.ts';
import { runCli, startCli, writeConfig, type RunningCli } from '../support/cli.ts';
import { createCustomers, customersTable, type Customers } from '../support/customers.ts';
import { freshRedis } from '../support/peers.ts';
import { printedUrl } from '../support/printed-url.ts';

const records = 300;
const slow = { timeout: 15_000, interval: 50 };

let customers: Customers;
let redis: Redis;
let config: string;
let worker: RunningCli;
let origin: string;
let browser: Browser;

beforeAll(async () => {
  customers = await createCustomers(records);
  await customers.rotateKey();
  // Early ones, so that they have failed when the rotation is paused in its midst.
  await customers.sql.query(
    `UPDATE ${customersTable} SET "ssn ""enc""" = 'not base64!' WHERE "Id" < 9007199254740996`,
  );
  const { url: broker } = await freshRedis();
  redis = new Redis(broker);
  config = await writeConfig({
    rotation: 'shown',
    broker,
    ...customers.config,
    limits: { rate: 12, batchSize: 10 },
    metrics: { port: 0, host: '127.0.0.1' },
  });
  worker = startCli(['work', '-c', config]);
  origin = await printedUrl(worker, 'status page');
  browser = await startBrowser();
}, 120_000);
afterAll(async () => {
  await browser.close();
  worker.child.kill('SIGKILL');
  redis.disconnect();
  await customers.close();
});

async function open(width: number, colorScheme: 'light' | 'dark'): Promise<Page> {
  const context = await browser.newContext({ viewport: { width, height: 800 }, colorScheme });
  onTestFinished(() => context.close());
  return context.newPage();
}

const mainText = (page: Page): Promise<string> => page.locator('main').innerText();

async function command(...args: string[]): Promise<void> {
  const { code, stderr } = await runCli([...args, '-c', config]);
  expect(stderr).toBe('');
  expect(code).toBe(0);
}

test('whoever leaves the page open sees the rotation begin, go on and pause, without a reload', async () => {
  const page = await open(1280, 'light');
  const troubles = watchForTrouble(page, origin);
  await page.goto(`${origin}/`);
  expect(await mainText(page)).toMatch(/shown\s+new/);

  await command('enqueue');
  await vi.waitFor(async () => {
    const text = await mainText(page);
    expect(text).toMatch(/shown\s+running/);
    expect(text).toMatch(/failed\s+3\n/);
    expect(text).toMatch(/BAD_FORMAT\s+3\n/);
    expect(text).toContain('limit 12/s');
    expect(text).toMatch(/Workers\s+1\s/);
    expect(await page.title()).toMatch(/^[1-9]\d?% shown running$/);
  }, slow);

  await command('pause');
  await vi.waitFor(async () => {
    const text = await mainText(page);
    expect(text).toMatch(/shown\s+paused/);
    expect(text).toContain("Reason: paused by 'keyturn pause'");
  }, slow);
  expect(await page.evaluate('performance.getEntriesByType("navigation").length')).toBe(1);
  expect(troubles).toEqual([]);
}, 60_000);

test('it tells what status tells', async () => {
  const { stdout } = await runCli(['status', '--json', '-c', config]);
  const status: { rotated: number; remaining: number } = JSON.parse(stdout);
  const page = await open(1280, 'light');
  await page.goto(`${origin}/`);
  const text = await mainText(page);
  expect(text).toMatch(new RegExp(`rotated\\s+${status.rotated}\\n`));
  expect(text).toMatch(new RegExp(`remaining\\s+${status.remaining}\\n`));
});

describe.each([1280, 390])('%i pixels wide', (width) => {
  test.each(['light', 'dark'] as const)('%s: all fits and can be read', async (scheme) => {
    const page = await open(width, scheme);
    const troubles = watchForTrouble(page, origin);
    await page.goto(`${origin}/`);
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
    expect(await textsTooPale(page)).toEqual([]);
    expect(await page.evaluate('getComputedStyle(document.body).backgroundColor')).toBe(
      scheme === 'light' ? 'rgb(246, 247, 249)' : 'rgb(18, 22, 28)',
    );
    expect(troubles).toEqual([]);
  });
});

test('markup in what the broker holds is shown, and does nothing', async () => {
  const hostile = `<img src=x onerror="alert(1)"><script>alert(2)</script></main>"'&amp;\u202e`;
  await redis.hset('keyturn:{shown}:ledger', 'reason', hostile);
  const page = await open(390, 'light');
  const troubles = watchForTrouble(page, origin);
  await page.goto(`${origin}/`);
  const shown = hostile.replace('\u202e', '');
  await vi.waitFor(async () => expect(await mainText(page)).toContain(shown), slow);
  // That came by an event; this is part of the document.
  await page.reload();
  expect(await mainText(page)).toContain(shown);
  expect(await page.locator('main img, main script').count()).toBe(0);
  expect(troubles).toEqual([]);
});

test('the page may load nothing from elsewhere, and nobody may frame it', async () => {
  const { headers, body } = await request(`${origin}/`);
  const policy = String(headers['content-security-policy']);
  expect(policy).toMatch(
    /^default-src 'none'; style-src 'sha256-[^']+'; script-src 'sha256-[^']+'; connect-src 'self'/,
  );
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain('unsafe');
  expect(headers['cache-control']).toBe('no-store');
  expect(await body.text()).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
});

test('a page whose worker has gone says so', async () => {
  const page = await open(390, 'dark');
  await page.goto(`${origin}/`);
  expect(await page.locator('#lost').isVisible()).toBe(false);
  worker.child.kill('SIGKILL');
  await page.locator('#lost').waitFor({ state: 'visible', timeout: 10_000 });
  expect(await mainText(page)).toMatch(/shown\s+paused/);
});
