import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { KeyturnConfig } from '../config/keyturn-config.ts';
import { eitherSignal } from '../rotation/either-signal.ts';
import { exitCode } from './exit-code.ts';
import type { Interrupt } from './interrupt.ts';
import { describeLive, describeLiveLine } from './live-lines.ts';
import { createLiveStatusReader, type LiveStatus } from './live-status.ts';
import { openLiveView } from './live-view.ts';
import { openBroker } from './open-broker.ts';
import { openLog } from './open-log.ts';

const readEveryMs = 500;
const jsonEveryMs = 1000;
const lineEveryMs = 10_000;

/** Shows one status after the other. */
interface Display {
  stop(): void;
  /** The state has changed. */
  changed(): void;
}

/**
 * Shows the rotation until it is finished or cancelled, or someone leaves: drawn anew on a terminal, else a
 * line every ten seconds; with `json` an object a second. Exit 0 only if it finished without a failed record;
 * 130 where someone left.
 */
export async function watchStatus(
  config: KeyturnConfig,
  { json }: { json: boolean },
  interrupt: Interrupt,
): Promise<number> {
  const onTerminal = process.stdout.isTTY && !json;
  const log = openLog(config);
  // The view tells an outage itself, and a log line in the midst of it would tear it.
  const onFault = onTerminal ? () => undefined : log.fault;
  // As with `| head`: who reads us has left.
  const unread = new AbortController();
  process.stdout.once('error', () => unread.abort());
  const signal = eitherSignal(interrupt.signal, unread.signal);

  const broker = await openBroker(config, onFault);
  try {
    const { read } = createLiveStatusReader(broker, config.rotation, onFault);
    let live = await read();
    const display = openDisplay(() => live, { json, onTerminal });
    async function follow(): Promise<void> {
      while (!isOver(live) && !signal.aborted) {
        await delay(readEveryMs, undefined, { signal }).catch(() => undefined);
        const before = live.state;
        live = await read();
        if (live.state !== before) display.changed();
      }
    }
    try {
      // A read that waits for a dead broker holds nobody who wants to leave.
      await Promise.race([follow(), aborted(signal)]);
    } finally {
      display.stop();
    }
    if (!isOver(live)) return exitCode.interrupted;
    return live.state === 'finished' && live.failed === 0 ? exitCode.done : exitCode.notDone;
  } finally {
    await broker.close();
  }
}

function isOver({ state }: LiveStatus): boolean {
  return state === 'finished' || state === 'cancelled';
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}

function openDisplay(
  live: () => LiveStatus,
  { json, onTerminal }: { json: boolean; onTerminal: boolean },
): Display {
  if (onTerminal) {
    const view = openLiveView(process.stdout, (columns) => describeLive(live(), columns));
    return { stop: view.stop, changed: () => undefined };
  }
  const print = (): void => {
    process.stdout.write(`${json ? JSON.stringify(live()) : describeLiveLine(live())}\n`);
  };
  print();
  const timer = setInterval(print, json ? jsonEveryMs : lineEveryMs);
  return {
    changed: print,
    stop: () => clearInterval(timer),
  };
}
