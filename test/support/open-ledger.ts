import { openBroker } from '../../src/cli/open-broker.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type { Ledger } from '../../src/rotation/ports/ledger.ts';

/** The ledger that a config file names, for a test that looks often: a command for each look costs a process. */
export async function openLedger(configFile: string): Promise<{ ledger: Ledger; close(): Promise<void> }> {
  const { config } = await loadConfig(configFile, {});
  return openBroker(config, () => undefined);
}
