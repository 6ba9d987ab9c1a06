import { spawn, spawnSync } from 'node:child_process';
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

/** `script` of util-linux makes the terminal. */
export const hasTerminal = spawnSync('script', ['--version'], { encoding: 'utf8' }).stdout?.includes(
  'util-linux',
);

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
const tokens = /\u001B\[(\d*)([A-Za-z])|[^]/g;

/**
 * What a terminal shows, and would show if one scrolled up. Knows what keyturn uses, and throws on anything
 * else.
 */
function renderTerminal(output: string): string[] {
  const lines: string[] = [''];
  let column = 0;
  for (const [token, number, letter] of output.matchAll(tokens)) {
    const line = lines.pop() ?? '';
    if (letter === 'K') {
      lines.push(number === '2' ? '' : line.slice(0, column));
    } else if (letter === 'G' && number === '1') {
      lines.push(line);
      column = 0;
    } else if (letter !== undefined || token === '\u001B') {
      throw new Error(`an unknown escape sequence: ${JSON.stringify(token)}`);
    } else if (token === '\r') {
      lines.push(line);
      column = 0;
    } else if (token === '\n') {
      lines.push(line, ' '.repeat(column));
    } else if (column === columns) {
      lines.push(line, token);
      column = 1;
    } else {
      lines.push(line.padEnd(column).slice(0, column) + token + line.slice(column + 1));
      column += 1;
    }
  }
  return lines.map((line) => line.trimEnd());
}
