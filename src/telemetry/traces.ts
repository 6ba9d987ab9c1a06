import { setTimeout as delay } from 'node:timers/promises';
import type { Attributes } from '@opentelemetry/api';
import type { Sampler } from '@opentelemetry/sdk-trace-node';
import type { Telemetry } from 'bullmq';
import type { BatchOutcome, Tally } from '../rotation/batch.ts';
import { Fault } from '../rotation/faults.ts';
import type { StoreOperation } from './measured-store.ts';

/** A trace for each batch: from the producer through BullMQ to the worker, its KMS calls and store round trips. */
export interface Traces {
  /** BullMQ's part: it carries the trace in the job. */
  readonly queue: Telemetry;
  /** Told where the call is made, as the batch's span is the current one; what it returns, once it has ended. */
  kmsCall(method: string): (code: string, seconds: number) => void;
  storeUsed(op: StoreOperation, seconds: number): void;
  batchEnded(outcome: BatchOutcome, gained: Tally): void;
  /** Sends what is left, within three seconds. */
  close(): Promise<void>;
}

export interface TracesOptions {
  readonly rotation: string;
  readonly version: string;
  /** Of all batches, the share that is traced. */
  readonly share: number;
  readonly onFault: (fault: Fault) => void;
}

const goodbyeMs = 3000;
/** A batch has hundreds of calls, and batches end at a time. */
const mostSpansWaiting = 16_384;

/**
 * Sends spans by OTLP over HTTP, as the `OTEL_EXPORTER_OTLP_…` variables say. Spans hold names, codes, counts
 * and batch numbers alone: no reference, no ciphertext, no text of an error. Usage `Fault` where the packages
 * are not installed.
 */
export async function startTraces({ rotation, version, share, onFault }: TracesOptions): Promise<Traces> {
  const loaded = await importOpenTelemetry();
  const { api, sdk, resources, OTLPTraceExporter, BullMQOtel } = loaded;
  // What the SDK has to say of a failed export may hold the collector's reply: ours says the same without it.
  const silent = (): void => undefined;
  api.diag.setLogger({
    error: () => onFault(unsent()),
    warn: silent,
    info: silent,
    debug: silent,
    verbose: silent,
  });
  const named = resources.resourceFromAttributes({
    'service.name': 'keyturn',
    'service.version': version,
    'keyturn.rotation': rotation,
  });
  const fromEnvironment = resources.detectResources({ detectors: [resources.envDetector] });
  const provider = new sdk.NodeTracerProvider({
    resource: resources.defaultResource().merge(named).merge(fromEnvironment),
    sampler: new sdk.ParentBasedSampler({ root: onlyBatches(loaded, share) }),
    // BullMQ notes errors, with their text, and results of jobs as events.
    spanLimits: { eventCountLimit: 0 },
    spanProcessors: [new sdk.BatchSpanProcessor(new OTLPTraceExporter(), { maxQueueSize: mostSpansWaiting })],
  });
  provider.register();
  const tracer = api.trace.getTracer('keyturn', version);

  function note(
    name: string,
    seconds: number,
    attributes: Attributes,
    failure?: string,
    within = api.context.active(),
  ): void {
    const endedAt = Date.now();
    const startTime = endedAt - seconds * 1000;
    const span = tracer.startSpan(name, { kind: api.SpanKind.CLIENT, startTime, attributes }, within);
    if (failure !== undefined) span.setStatus({ code: api.SpanStatusCode.ERROR, message: failure });
    span.end(endedAt);
  }

  return {
    queue: new BullMQOtel({ tracerName: 'keyturn', version }),
    kmsCall(method) {
      const within = api.context.active();
      return (code, seconds) => {
        const failure = code === 'OK' ? undefined : code;
        note(`kms ${method}`, seconds, { 'keyturn.kms.code': code }, failure, within);
      };
    },
    storeUsed: (op, seconds) => note(`store ${op}`, seconds, {}),
    batchEnded(outcome, gained) {
      const counts = Object.entries(gained).map(([name, count]) => [`keyturn.records.${name}`, count]);
      api.trace
        .getActiveSpan()
        ?.setAttributes({ 'keyturn.batch.outcome': outcome, ...Object.fromEntries(counts) });
    },
    async close() {
      const sent = provider.shutdown().then(
        () => true,
        () => false,
      );
      // The exporter itself would try again for ten seconds.
      if (!(await Promise.race([sent, delay(goodbyeMs, false)]))) onFault(unsent());
    },
  };
}

/** A batch begins a trace; what BullMQ and the process do besides would be traces of no use, without end. */
function onlyBatches({ api, sdk }: Awaited<ReturnType<typeof importOpenTelemetry>>, share: number): Sampler {
  const chosen = new sdk.TraceIdRatioBasedSampler(share);
  const { CONSUMER, PRODUCER } = api.SpanKind;
  return {
    shouldSample(context, traceId, _name, kind) {
      if (kind === PRODUCER || kind === CONSUMER) return chosen.shouldSample(context, traceId);
      return { decision: sdk.SamplingDecision.NOT_RECORD };
    },
    toString: () => `batches, ${chosen.toString()}`,
  };
}

function unsent(): Fault {
  return new Fault(
    'transient',
    'TRACES_LOST',
    'spans could not be sent to OTEL_EXPORTER_OTLP_ENDPOINT; the rotation goes on without them',
  );
}

async function importOpenTelemetry() {
  try {
    const [api, sdk, resources, { OTLPTraceExporter }, { BullMQOtel }] = await Promise.all([
      import('@opentelemetry/api'),
      import('@opentelemetry/sdk-trace-node'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('bullmq-otel'),
    ]);
    return { api, sdk, resources, OTLPTraceExporter, BullMQOtel };
  } catch (error) {
    throw new Fault(
      'usage',
      'OPENTELEMETRY_MISSING',
      'OTEL_EXPORTER_OTLP_ENDPOINT is set, but its packages are not installed: npm install --include=optional, or unset it',
      { cause: error },
    );
  }
}
