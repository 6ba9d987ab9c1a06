import { Fault } from '../../rotation/faults.ts';
import { describeCount } from '../describe-count.ts';
import { describeDuration } from '../duration.ts';
import { doneRecords } from '../live-eta.ts';
import { describeOutage, isThrottled, percentDone, toneOf, type Tone } from '../live-lines.ts';
import type { LiveStatus } from '../live-status.ts';
import { hintForOnlooker } from '../status-hint.ts';
import { html, type Html } from './html.ts';

const outcomes = ['rotated', 'skipped', 'missing', 'failed'] as const;

/** The part of the page that changes: the rotation as it was read, or why it could not be. */
export function describeMain(read: LiveStatus | Fault, now = new Date()): Html {
  if (read instanceof Fault)
    return html`<main data-title="keyturn">
      ${notice('bad', 'The status cannot be read', read.message)}
    </main>`;
  const { rotation, pass, state } = read;
  return html`<main data-title="${percentDone(read)}% ${rotation} ${state}">
    <header>
      <h1>${rotation}</h1>
      <span class="state ${toneOf(read)}" role="status">${state}</span>
      <span class="soft">${pass > 1 ? `pass ${pass}` : ''}</span>
    </header>
    ${notices(read, now)} ${describeRecords(read)}
    <div class="tiles">${describeTiles(read)}</div>
    ${describeFailures(read)}
    <footer>${describeTimes(read)}</footer>
  </main>`;
}

function notices(live: LiveStatus, now: Date): Html[] {
  const { outOfReachSince, reason } = live;
  const hint = hintForOnlooker(live);
  return [
    ...(outOfReachSince === null ? [] : [notice('bad', 'Broker', describeOutage(outOfReachSince, now))]),
    ...(reason === null ? [] : [notice(toneOf(live), 'Reason', reason)]),
    ...(hint === null ? [] : [notice('warning', 'What to do', hint)]),
  ];
}

function notice(tone: Tone, what: string, text: string): Html {
  return html`<p class="notice ${tone}"><strong>${what}:</strong> <span>${text}</span></p> `;
}

function describeRecords(live: LiveStatus): Html {
  const { conflicts, enqueued, remaining, total } = live;
  const soFar = enqueued < total ? ` · ${describeCount(enqueued)} enqueued` : '';
  const lost = conflicts > 0 ? ` · ${describeCount(conflicts)} conflicts` : '';
  const rows = outcomes.map((outcome) => countRow(legend(outcome), live[outcome]));
  return html`<section>
    <h2>Records</h2>
    <p class="big">${percentDone(live)} % <span class="soft">of ${describeCount(total)}</span></p>
    ${outcomeBar(live)}
    <table>
      ${rows}${countRow(legend('remaining'), remaining)}
    </table>
    <p class="soft">${describeCount(doneRecords(live))} done${soFar}${lost}</p>
  </section>`;
}

function countRow(name: string | Html, count: number): Html {
  return html`<tr>
    <th scope="row">${name}</th>
    <td>${describeCount(count)}</td>
  </tr> `;
}

/** In the colour that the bar shows it in. */
function legend(name: string): Html {
  return html`<i class="${name}"></i>${name}`;
}

/** One bar of the outcomes side by side. Attributes place its parts, as no inline style may. */
function outcomeBar(live: LiveStatus): Html {
  let from = 0;
  const parts = outcomes.map((outcome) => {
    const width = share(live[outcome], live.total);
    const part = html`<rect class="${outcome}" x="${from}%" width="${width}%" height="100%" />`;
    from += width;
    return part;
  });
  const name = html`role="progressbar" aria-label="records done" aria-valuenow="${percentDone(live)}"`;
  return html`<svg ${name}>${parts}</svg>`;
}

function describeTiles(live: LiveStatus): Html[] {
  const { etaSeconds, state, workers } = live;
  const eta = etaSeconds === null || state !== 'running' ? '–' : describeDuration(etaSeconds);
  return [
    rateTile(live),
    tile('Time to go', eta, 'at the pace of the last minute'),
    tile('Workers', String(workers), 'that reported in the last five seconds'),
  ];
}

function rateTile(live: LiveStatus): Html {
  const { configured, effective, observed } = live.rate;
  const limit = configured === null ? 'no limit' : `limit ${configured}/s`;
  const held = isThrottled(live) ? `, held at ${effective}/s after 429` : '';
  const observedShare = configured === null ? 0 : share(observed, configured);
  const fill = isThrottled(live) ? 'held' : 'observed';
  return html`<section>
    <h2>KMS calls</h2>
    <p class="big">${observed}<span class="soft"> /s</span></p>
    <svg aria-hidden="true"><rect class="${fill}" width="${observedShare}%" height="100%" /></svg>
    <p class="soft">${limit}${held}</p>
  </section>`;
}

function tile(name: string, value: string, note: string): Html {
  return html`<section>
    <h2>${name}</h2>
    <p class="big">${value}</p>
    <p class="soft">${note}</p>
  </section> `;
}

function describeFailures({ failed, failuresByCode }: LiveStatus): Html {
  if (failed === 0) return html``;
  const codes = Object.entries(failuresByCode).map(([code, count]) => countRow(code, count));
  return html`<section>
    <h2>Failures by code</h2>
    <table>
      ${codes}
    </table>
    <p class="soft">keyturn failures lists them</p>
  </section>`;
}

function describeTimes({ startedAt, finishedAt }: LiveStatus): Html {
  const began = startedAt === null ? 'not begun' : `began ${startedAt}`;
  return html`${began}${finishedAt === null ? '' : ` · finished ${finishedAt}`}`;
}

/** Per cent, to a hundredth. */
function share(count: number, of: number): number {
  return of <= 0 ? 0 : Math.min(100, Math.round((count * 10_000) / of) / 100);
}
