import type { KeyturnConfig } from '../config/keyturn-config.ts';
import type { Fault } from '../rotation/faults.ts';
import type { Traces } from '../telemetry/traces.ts';
import { toolVersion } from './tool-version.ts';

/**
 * Traces, where OpenTelemetry's own variables ask for them; else null, and none of its code is loaded.
 * `OTEL_TRACES_SAMPLER_ARG` is the share of batches that is traced: 1, where it is no number from 0 to 1.
 */
export async function openTraces(
  { rotation }: KeyturnConfig,
  environment: NodeJS.ProcessEnv,
  onFault: (fault: Fault) => void,
): Promise<Traces | null> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_TRACES_SAMPLER_ARG: share } = environment;
  if (endpoint === undefined || endpoint === '' || environment['OTEL_SDK_DISABLED'] === 'true') return null;
  const { startTraces } = await import('../telemetry/traces.ts');
  return startTraces({ rotation, version: toolVersion(), share: readShare(share), onFault });
}

function readShare(text: string | undefined): number {
  const share = text === undefined || text.trim() === '' ? 1 : Number(text);
  return share >= 0 && share <= 1 ? share : 1;
}
