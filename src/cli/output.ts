import { printAbove } from './live-bar.ts';

/** Where a command speaks: a person's lines, or one JSON object on stdout and all else on stderr. */
export interface Output {
  /** A line for a person. */
  line(text: string): void;
  /** The result; with `--json` it is printed as one line, else `text` is. */
  result(value: object, text: () => string): void;
}

export function createOutput(json: boolean): Output {
  const write = (text: string): void => printAbove(json ? process.stderr : process.stdout, `${text}\n`);
  return {
    line: write,
    result(value, text) {
      if (json) process.stdout.write(`${JSON.stringify(value)}\n`);
      else write(text());
    },
  };
}
