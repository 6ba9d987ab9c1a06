import { chromium, type Browser, type Page } from 'playwright-core';
import { z } from 'zod';
import { serverBinary } from './binaries.ts';

/** A real browser, without a window. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: serverBinary('chromium-headless-shell'),
    // Chromium's sandbox refuses to run as root.
    chromiumSandbox: process.getuid?.() !== 0,
  });
}

/** What a page said wrong, or asked for elsewhere, since it was opened. */
export function watchForTrouble(page: Page, origin: string): readonly string[] {
  const troubles: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) troubles.push(message.text());
  });
  page.on('pageerror', (error) => troubles.push(error.message));
  page.on('dialog', (dialog) => troubles.push(`dialog ${dialog.message()}`));
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) troubles.push(`request to ${url}`);
  });
  return troubles;
}

const paleTexts = z.array(z.string());

/** Visible texts whose contrast to what is behind them is less than 4.5 (WCAG 2.2, 1.4.3). */
export async function textsTooPale(page: Page): Promise<string[]> {
  return paleTexts.parse(
    await page.evaluate(`(() => {
      const parse = (colour) => colour.match(/[\\d.]+/g).map(Number);
      const luminance = ([red, green, blue]) => [red, green, blue]
        .map((each) => each / 255)
        .map((each) => (each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4))
        .reduce((sum, each, index) => sum + each * [0.2126, 0.7152, 0.0722][index], 0);
      const behind = (element) => {
        const colour = parse(getComputedStyle(element).backgroundColor);
        if (colour[3] !== 0) return colour;
        return element.parentElement === null ? [255, 255, 255] : behind(element.parentElement);
      };
      const own = (element) => [...element.childNodes].filter((node) => node.nodeType === 3)
        .map((node) => node.textContent.trim()).join('');
      return [...document.body.querySelectorAll('*')]
        .filter((element) => element.checkVisibility() && own(element) !== '')
        .filter((element) => {
          const [dark, light] = [getComputedStyle(element).color, null]
            .map((colour) => luminance(colour === null ? behind(element) : parse(colour)))
            .sort((a, b) => a - b);
          return (light + 0.05) / (dark + 0.05) < 4.5;
        })
        .map(own);
    })()`),
  );
}
