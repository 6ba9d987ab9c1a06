import { styleText } from 'node:util';
import type { LiveLine, Tone } from './live-lines.ts';

const drawEveryMs = 500;
const colours = { good: 'green', warning: 'yellow', bad: 'red' } as const;

/** What a terminal obeys (ECMA-48 §8.3; DECAWM of the VT100 for the wrapping of lines). */
const clearToEndOfLine = '\u001B[K';
const clearBelow = '\u001B[J';
const clearAll = '\u001B[2J\u001B[H';
const wrapOff = '\u001B[?7l';
const wrapOn = '\u001B[?7h';
const up = (lines: number): string => (lines > 0 ? `\u001B[${lines}A` : '');

/** Lines that are drawn anew in place, twice a second, below what stands on the terminal. */
export interface LiveView {
  /** Draws them once more and leaves them. */
  stop(): void;
}

/** Shows what `describe` tells for a width in columns. What is more than the terminal is high is left out. */
export function openLiveView(
  terminal: NodeJS.WriteStream,
  describe: (columns: number) => readonly LiveLine[],
): LiveView {
  // False where the environment has NO_COLOR.
  const hasColours = terminal.hasColors();
  /** How far above the cursor the first line stands. */
  let above = 0;
  let isResized = false;

  function draw(): void {
    const lines = describe(terminal.columns || 80)
      .slice(0, Math.max(1, (terminal.rows || 24) - 1))
      .map(({ text, tone }) => (hasColours ? paint(text, tone) : text) + clearToEndOfLine);
    // A terminal that became narrower has wrapped what it shows: nobody knows where it begins now.
    const start = isResized ? clearAll : `${up(above)}\r`;
    // A wide character, which counts as one, must wrap no line. In one piece, so that nothing flickers, and a
    // process that is killed leaves the terminal as it was.
    terminal.write(`${wrapOff}${start}${lines.join('\n')}${clearBelow}${wrapOn}`);
    above = lines.length - 1;
    isResized = false;
  }
  function onResize(): void {
    isResized = true;
  }
  function stop(): void {
    process.off('exit', stop);
    terminal.off('resize', onResize);
    clearInterval(timer);
    draw();
    terminal.write('\n');
  }

  draw();
  const timer = setInterval(draw, drawEveryMs);
  terminal.on('resize', onResize);
  // Where the command ends in the midst of it, the prompt of the shell must not stand behind the last line.
  process.once('exit', stop);
  return { stop };
}

function paint(text: string, tone: Tone): string {
  return tone === 'plain' ? text : styleText(colours[tone], text);
}
