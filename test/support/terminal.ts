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

const escape = '\u001B';

/** What a terminal shows, and would show if one scrolled up. Knows what keyturn uses, and throws on anything else. */
function renderTerminal(output: string): string[] {
  const lines: string[] = [''];
  let column = 0;
  for (const [index, part] of output.split(`${escape}[K`).entries()) {
    if (index > 0) lines.push((lines.pop() ?? '').slice(0, column));
    for (const character of part) {
      if (character === escape) throw new Error(`an escape sequence in ${JSON.stringify(part)}`);
      if (character === '\r') {
        column = 0;
      } else if (character === '\n') {
        lines.push(' '.repeat(column));
      } else {
        if (column === columns) {
          lines.push('');
          column = 0;
        }
        const line = lines.pop() ?? '';
        lines.push(line.slice(0, column) + character + line.slice(column + 1));
        column += 1;
      }
    }
  }
  return lines.map((line) => line.trimEnd());
}
