import { spawn } from 'node:child_process';
import { once } from 'node:events';

const columns = 80;

/** A command under a pseudo terminal of 80 columns. */
export interface TerminalRun {
  /** Types into it. */
  type(text: string): void;
  /** All that came out so far, escape sequences included. */
  output(): string;
  /** The lines as a person sees them, of all that came out. */
  lines(): string[];
  readonly ended: Promise<number | null>;
}

/** `script` of util-linux (on Debian in bsdutils, which every system has) makes the terminal. */
export function startInTerminal(command: string): TerminalRun {
  const child = spawn('script', ['-qec', `stty cols ${columns} rows 24; ${command}`, '/dev/null'], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], TERM: 'xterm', SHELL: '/bin/sh' },
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return {
    type: (text) => void child.stdin.write(text),
    output: () => output,
    lines: () => renderTerminal(output),
    ended: once(child, 'close').then(() => child.exitCode),
  };
}

/** A control sequence of a terminal (ECMA-48): its number and its letter; or any one character. */
// oxlint-disable-next-line no-control-regex -- control characters are what a terminal is told by
const tokens = /\u001B\[(\??\d*)([A-Za-z])|[^]/g;
/** Colours, and whether long lines wrap. */
const shownByNothing = /^(\d*m|\?7[hl])$/;

/**
 * What a terminal shows, and would show if one scrolled up. Knows what keyturn uses, and throws on anything
 * else.
 */
function renderTerminal(output: string): string[] {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  const put = (line: string): void => void lines.splice(row, 1, line);
  for (const [token, number = '', letter] of output.matchAll(tokens)) {
    const line = lines[row] ?? '';
    if (letter === 'K') {
      put(number === '2' ? '' : line.slice(0, column));
    } else if (letter === 'J' && number === '') {
      put(line.slice(0, column));
      lines.splice(row + 1);
    } else if (letter === 'A') {
      row = Math.max(0, row - Number(number));
    } else if (letter === 'G' && number === '1') {
      column = 0;
    } else if (letter !== undefined && shownByNothing.test(number + letter)) {
      continue;
    } else if (letter !== undefined || token === '\u001B') {
      throw new Error(`an unknown escape sequence: ${JSON.stringify(token)}`);
    } else if (token === '\r') {
      column = 0;
    } else if (token === '\n') {
      row += 1;
      if (row === lines.length) lines.push('');
    } else if (column === columns) {
      row += 1;
      lines.splice(row, 0, token);
      column = 1;
    } else {
      put(line.padEnd(column).slice(0, column) + token + line.slice(column + 1));
      column += 1;
    }
  }
  return lines.map((line) => line.trimEnd());
}
