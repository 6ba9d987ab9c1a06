import cliProgress from 'cli-progress';

export interface LiveBar {
  /** Draws the line anew, at once or within a quarter of a second. */
  show(line: string): void;
  /** Leaves the line as it is, and ends it. */
  stop(): void;
}

/** A process has one terminal, so it has one such bar. */
let shown: cliProgress.MultiBar | null = null;

/** Shows a line at the bottom of the terminal. What is printed meanwhile goes above it, by `printAbove`. */
export function openLiveBar(firstLine: string): LiveBar {
  let line = firstLine;
  // A MultiBar for one bar: a SingleBar cannot have lines above it,
  // and puts the cursor back to where it began.
  const bars = new cliProgress.MultiBar({
    stream: process.stderr,
    // A line that fills the terminal would wrap, and the next one could not erase all of it.
    format: () => line.slice(0, (process.stderr.columns ?? 80) - 1),
    // Else the terminal cuts what is printed above, until the bar ends.
    linewrap: true,
    forceRedraw: true,
    fps: 4,
  });
  const bar = bars.create(1, 0);
  shown = bars;
  const stop = (): void => {
    if (shown !== bars) return;
    shown = null;
    process.off('exit', stop);
    bars.stop();
  };
  // Where a command ends in the midst of it, the prompt of the shell must not stand behind the line.
  process.once('exit', stop);
  return {
    show(next) {
      line = next;
      bar.update(0);
    },
    stop,
  };
}

/** Prints whole lines to stdout or stderr. */
export function printAbove(stream: NodeJS.WriteStream, lines: string): void {
  if (shown === null || !stream.isTTY) {
    stream.write(lines);
    return;
  }
  shown.log(lines);
  // At once: what waits for the next drawing is lost if the process ends before it.
  shown.update();
}
