const eraseLine = '\r\u001B[K';

/** A process has one terminal, so it has one such line. */
let shown = '';

/** Draws the last line of the terminal anew. What is printed meanwhile goes above it, by `printAbove`. */
export function showLiveLine(text: string): void {
  // Where a command ends in the midst of it, the prompt of the shell must not stand behind the line.
  if (shown === '') process.once('exit', endLiveLine);
  // A line that fills the terminal would wrap, and the next one could not erase all of it.
  shown = text.slice(0, (process.stderr.columns ?? 80) - 1);
  process.stderr.write(`${eraseLine}${shown}`);
}

/** Leaves the line as it is, and ends it. */
export function endLiveLine(): void {
  if (shown === '') return;
  shown = '';
  process.off('exit', endLiveLine);
  process.stderr.write('\n');
}

/** Prints whole lines to stdout or stderr. */
export function printAbove(stream: NodeJS.WriteStream, lines: string): void {
  if (shown === '') {
    stream.write(lines);
    return;
  }
  process.stderr.write(eraseLine);
  stream.write(lines);
  process.stderr.write(shown);
}
