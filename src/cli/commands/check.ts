import type { KeyturnConfig } from '../../config/keyturn-config.ts';
import { asFault, type Fault } from '../../rotation/faults.ts';
import { exitCode, exitCodeFor } from '../exit-code.ts';
import { openBroker } from '../open-broker.ts';
import { openLog } from '../open-log.ts';
import { openKeyService } from '../open-key-service.ts';
import { openStore } from '../open-store.ts';
import type { Output } from '../output.ts';

interface CheckLine {
  readonly part: 'config' | 'broker' | 'store' | 'kms';
  readonly ok: boolean;
  readonly detail: string;
}

/** Reaches broker, store and KMS, one line each; the worst of them sets the exit code. */
export async function check(config: KeyturnConfig, output: Output): Promise<number> {
  const faults: Fault[] = [];
  const lines: CheckLine[] = [{ part: 'config', ok: true, detail: `rotation ${config.rotation}` }];
  async function reach(part: CheckLine['part'], step: () => Promise<string>): Promise<void> {
    try {
      lines.push({ part, ok: true, detail: await step() });
    } catch (error) {
      const fault = asFault(error);
      faults.push(fault);
      lines.push({ part, ok: false, detail: fault.message });
    }
  }

  await reach('broker', () => reachBroker(config));
  await reach('store', () => reachStore(config));
  await reach('kms', () => reachKms(config));
  output.result({ ok: faults.length === 0, checks: lines }, () =>
    lines
      .map(({ part, ok, detail }) => `${part.padEnd(6)}  ${ok ? 'ok    ' : 'FAILED'}  ${detail}`)
      .join('\n'),
  );
  return faults.length === 0 ? exitCode.done : Math.max(...faults.map(exitCodeFor));
}

async function reachBroker(config: KeyturnConfig): Promise<string> {
  const broker = await openBroker(config, openLog(config).fault);
  try {
    const { state, pass } = await broker.ledger.snapshot();
    return `${broker.description}; rotation is ${state}${pass > 1 ? `, pass ${pass}` : ''}`;
  } finally {
    await broker.close();
  }
}

async function reachStore(config: KeyturnConfig): Promise<string> {
  const store = await openStore(config, 'readWrite');
  try {
    return await store.check();
  } finally {
    await store.close();
  }
}

async function reachKms(config: KeyturnConfig): Promise<string> {
  const { keyService } = await openKeyService(config, () => () => undefined);
  try {
    const { keyId, versionId } = config.target;
    const primary = await keyService.currentVersion(keyId);
    const wanted = versionId ?? primary;
    const used = await keyService.currentVersion(keyId, wanted);
    const lag =
      used === wanted ? '' : `, but the KMS still uses ${used}; it may take up to 3 hours to catch up`;
    return `${config.kms.provider} at ${config.kms.endpoint}; key ${keyId} encrypts under ${wanted}${lag}`;
  } finally {
    await keyService.close();
  }
}
