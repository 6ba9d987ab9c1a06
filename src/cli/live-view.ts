import { styleText } from 'node:util';
import cliProgress from 'cli-progress';
import type { LiveLine, Tone } from './live-lines.ts';

const framesPerSecond = 2;
const colours = { good: 'green', warning: 'yellow', bad: 'red' } as const;

/** Lines that are drawn anew in place, twice a second, at the end of what stands on the terminal. */
export interface LiveView {
  /** Draws them once more and leaves them. */
  stop(): void;
}

/** Shows what `describe` tells for a width in columns. Lines that do not fit below one another are left out. */
export function openLiveView(
  terminal: NodeJS.WriteStream,
  describe: (columns: number) => readonly LiveLine[],
): LiveView {
  // False where the environment has NO_COLOR.
  const hasColours = terminal.hasColors();
  let lines: readonly string[] = [];
  const bars = new cliProgress.MultiBar({
    stream: terminal,
    format: () => '',
    fps: framesPerSecond,
    forceRedraw: true,
    gracefulExit: false,
    // It would count what a colour costs as characters. And a wide character wraps no line either.
    linewrap: false,
  });
  let height = 0;

  function look(): void {
    const shown = describe(terminal.columns ?? 80).slice(0, (terminal.rows ?? 24) - 1);
    lines = shown.map(({ text, tone }) => (hasColours ? paint(text, tone) : text));
    // A line that is no longer needed stays, empty.
    for (; height < lines.length; height += 1) addLine(height);
  }
  function addLine(index: number): void {
    bars.create(1, 0, {}, { format: () => lines[index] ?? '' });
  }
  /** A terminal that became narrower has wrapped what it shows: nobody knows where it begins now. */
  function clear(): void {
    terminal.write('\u001B[2J\u001B[1;1H');
  }
  function stop(): void {
    process.off('exit', stop);
    terminal.off('resize', clear);
    look();
    bars.stop();
  }

  look();
  bars.update();
  bars.on('update-pre', look);
  terminal.on('resize', clear);
  // It gives the terminal back its line breaks.
  process.once('exit', stop);
  return { stop };
}

function paint(text: string, tone: Tone): string {
  return tone === 'plain' ? text : styleText(colours[tone], text);
}
