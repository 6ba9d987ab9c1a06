import { createHash } from 'node:crypto';
import { asFault, type Fault } from '../../rotation/faults.ts';
import type { LivePage } from '../../telemetry/live-page.ts';
import { shareReading } from '../../telemetry/shared-reading.ts';
import { createLiveStatusReader } from '../live-status.ts';
import type { OpenBroker } from '../open-broker.ts';
import { html, type Html } from './html.ts';
import { describeMain } from './main-part.ts';
import { script } from './script.ts';
import { style } from './style.ts';

const readEveryMs = 1000;

/**
 * The rotation as `status --watch` shows it, as a page that only reads. The broker is asked once a second,
 * twice at the most, however many look at it, and not at all while nobody does.
 */
export function createStatusPage(
  broker: Pick<OpenBroker, 'ledger' | 'pace'>,
  rotation: string,
  tool: string,
  onFault: (fault: Fault) => void,
): LivePage {
  const status = createLiveStatusReader(broker, rotation, onFault);
  const main = shareReading(
    async () => describeMain(await status.read().catch((error: unknown) => asFault(error))),
    readEveryMs,
  );
  return {
    contentSecurityPolicy,
    whole: async () => describePage(await main.latest(), tool).html,
    follow: (show) => main.follow((part) => show(part.html)),
  };
}

/** Nothing from elsewhere, nothing that a value could smuggle in: the two inline parts go by their hashes. */
const contentSecurityPolicy = [
  "default-src 'none'",
  `style-src '${hashOf(style)}'`,
  `script-src '${hashOf(script)}'`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}

/** Exactly what its hash is of: a space more, and the browser refuses it. */
function inline(element: 'style' | 'script', text: string): Html {
  return { html: `<${element}>${text}</${element}>` };
}

function describePage(main: Html, tool: string): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>keyturn</title>
        <link rel="icon" href="data:," />
        ${inline('style', style)}
      </head>
      <body>
        <p id="lost" class="notice bad" role="alert" hidden>
          <strong>This worker is out of reach:</strong>
          <span>what is shown is from before; the page tries again by itself.</span>
        </p>
        ${main}
        <footer>${tool} · read only · <a href="metrics">metrics</a></footer>
        ${inline('script', script)}
      </body>
    </html> `;
}
