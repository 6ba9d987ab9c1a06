import { startEmulator } from '../../kms/emulator/server.ts';
import { listenForInterrupt } from '../interrupt.ts';

export interface EmulatorFlags {
  readonly port: number;
  readonly host: string;
  readonly key: readonly string[];
  readonly token?: string;
  readonly state?: string;
  readonly quota?: number;
  readonly latency?: number;
  readonly failRate?: number;
}

/** Runs the local KMS until SIGINT or SIGTERM. */
export async function runEmulator(flags: EmulatorFlags): Promise<void> {
  const { signal } = listenForInterrupt();
  const emulator = await startEmulator({
    port: flags.port,
    host: flags.host,
    keys: flags.key,
    ...(flags.token === undefined ? {} : { token: flags.token }),
    ...(flags.state === undefined ? {} : { stateFile: flags.state }),
    ...(flags.quota === undefined ? {} : { quota: flags.quota }),
    ...(flags.latency === undefined ? {} : { latencyMs: flags.latency }),
    ...(flags.failRate === undefined ? {} : { failRate: flags.failRate }),
  });
  process.stderr.write('keyturn kms-emulator: for trial and test only; its keys protect nothing\n');
  const { endpoint, token, keys } = emulator;
  process.stdout.write(`${JSON.stringify({ endpoint, token, keys })}\n`);
  if (!signal.aborted)
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await emulator.close();
}
