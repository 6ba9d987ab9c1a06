import { expect, vi } from 'vitest';
import type { RunningCli } from './cli.ts';

/** The address of what a worker serves, which took any free port: `http://127.0.0.1:40123`. */
export function printedUrl(running: RunningCli, what: 'metrics' | 'status page'): Promise<string> {
  return vi.waitFor(
    () => {
      const line = running
        .stdout()
        .split('\n')
        .find((each) => each.startsWith(`${what} on http://127.0.0.1:`));
      expect(line).toBeDefined();
      return new URL(line?.slice(`${what} on `.length) ?? '').origin;
    },
    { timeout: 15_000, interval: 25 },
  );
}
