import { setTimeout as rest } from 'node:timers/promises';

/** Between two writes: as fast as a machine can, each record would change more often than a call of the KMS takes. */
const restMs = 1;

/** An application that keeps writing while a rotation runs, and remembers what it last wrote. */
export interface Application {
  /** Last acknowledged plaintext by record. */
  readonly lastWritten: ReadonlyMap<string, string>;
  readonly writes: () => number;
  stop(): Promise<void>;
}

/** Calls `write` with a random id and a new plaintext, one at a time, until it is stopped. */
export function startApplication(
  ids: readonly string[],
  write: (id: string, plaintext: string) => Promise<void>,
): Application {
  const lastWritten = new Map<string, string>();
  let stopped = false;
  let writes = 0;
  const running = (async () => {
    while (!stopped) {
      const id = ids[Math.floor(Math.random() * ids.length)] ?? '';
      writes += 1;
      const plaintext = `written-${writes}`;
      await write(id, plaintext);
      lastWritten.set(id, plaintext);
      await rest(restMs);
    }
  })();
  return {
    lastWritten,
    writes: () => writes,
    async stop() {
      stopped = true;
      await running;
    },
  };
}
