import { certifyStore } from '../../src/cli/commands/verify.ts';
import { runRotation } from '../../src/cli/commands/run.ts';
import { keepNothing } from '../../src/cli/keep-certificate.ts';
import { wireRotation, type OpenRotation, type RotationParts } from '../../src/cli/open-rotation.ts';
import type { Output } from '../../src/cli/output.ts';
import { enqueuePass, openPassFor, tendPassOf } from '../../src/cli/produce-pass.ts';
import { startWorkerProcess } from '../../src/cli/worker-process.ts';
import type { KeyturnConfig } from '../../src/config/keyturn-config.ts';
import { putBackFailures } from '../../src/producer/put-back.ts';
import type { Certificate } from '../../src/rotation/certificate.ts';
import { asFault, type Fault } from '../../src/rotation/faults.ts';
import { mayPutBack } from '../../src/rotation/state.ts';
import type { Metrics } from '../../src/telemetry/metrics.ts';
import type { Process } from './network.ts';
import { pin } from './overseer.ts';
import { portsOf } from './ports.ts';
import type { World } from './world.ts';

export type Role = 'work' | 'enqueue' | 'run' | 'verify' | 'retry' | 'pause' | 'resume' | 'cancel';

/** How a process came to its end. */
export type End =
  | { readonly kind: 'exit'; readonly code: number; readonly certificate: Certificate | null }
  | { readonly kind: 'threw'; readonly fault: Fault }
  | { readonly kind: 'died' };

export interface Running {
  readonly role: Role;
  readonly process: Process;
  /** SIGTERM. */
  readonly interrupt: AbortController;
  readonly startedAt: number;
  end: End | null;
}

/** The command's own way through the code, from where its rotation is open. */
type Script = (
  rotation: OpenRotation,
  output: Output,
  interrupt: AbortSignal,
  deep: boolean,
) => Promise<number>;

export function startProcess(world: World, config: KeyturnConfig, role: Role, name: string): Running {
  const process: Process = {
    name,
    alive: true,
    frozenUntil: 0,
    cutOff: new Set(),
    crashed: new AbortController(),
    heardOfBrokerAt: Date.now(),
  };
  const running: Running = {
    role,
    process,
    interrupt: new AbortController(),
    startedAt: Date.now(),
    end: null,
  };
  let certificate: Certificate | null = null;
  /** It is past its start, where a peer out of reach ends a command in words. */
  let begun = false;
  const output: Output = {
    line(text) {
      begun ||= text.startsWith('rotation ');
      world.note(name, `says: ${text}`);
    },
    result(value) {
      if ('certificate' in value) certified(value.certificate);
    },
  };

  function certified(found: unknown): void {
    if (found === null || typeof found !== 'object') return;
    certificate = found as Certificate;
    world.note(name, `certifies ${certificate.verdict}`, () => certificate?.reasons.join('; ') ?? '');
    world.overseer.certified(certificate);
  }

  function ended(end: End): void {
    if (running.end !== null) return;
    running.end = end;
    process.alive = false;
    const how =
      end.kind === 'exit'
        ? `exits with ${end.code}`
        : end.kind === 'threw'
          ? `fails: ${end.fault.code}`
          : 'is gone';
    world.note(name, how);
  }

  process.crashed.signal.addEventListener('abort', () => ended({ kind: 'died' }));
  world.note(name, `starts to ${role}`);
  async function live(): Promise<End> {
    try {
      const rotation = wireRotation(config, partsOf(world, process));
      const code = await scripts[role](rotation, output, running.interrupt.signal, world.scenario.deep);
      return { kind: 'exit', code, certificate };
    } catch (error) {
      const fault = asFault(error);
      // What begins a pass under our feet, or loses the ledger, ends a command in words too.
      const passes = fault.faultClass === 'transient' && fault.code !== 'LEDGER_LOST';
      if (process.alive && begun && passes && !running.interrupt.signal.aborted)
        world.overseer.violated(`${name} gave up for ${fault.code}, which passes`);
      return { kind: 'threw', fault };
    }
  }

  void live().then(ended);
  return running;
}

function partsOf(world: World, process: Process): RotationParts {
  return {
    ...portsOf(world, process),
    dataKeys: null,
    metrics: noMetrics,
    traces: null,
    log: {
      info: () => undefined,
      warn: () => undefined,
      error: () => undefined,
      fault({ code, faultClass, cause }) {
        if (code === 'INTERNAL_ERROR')
          world.overseer.violated(`a defect in ${process.name}: ${String(cause)}`);
        if (faultClass !== 'transient') world.note(process.name, `meets ${code}`);
      },
    },
    close: async () => undefined,
  };
}

const noMetrics: Metrics = {
  contentType: '',
  kmsCalled: () => undefined,
  kmsCalls: () => 0,
  storeUsed: () => undefined,
  kmsCallsSaved: () => undefined,
  paceWaited: () => undefined,
  batchStarted: () => undefined,
  batchEnded: () => undefined,
  setAside: () => undefined,
  writeVerified: () => undefined,
  render: async () => '',
};

const scripts: Readonly<Record<Role, Script>> = {
  async work(rotation, output, interrupt) {
    const { signal, stop, worker } = await startWorkerProcess(
      rotation,
      { bullBoard: false },
      output,
      interrupt,
    );
    void tendPassOf(rotation, worker.snapshot, output, signal);
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
    await stop();
    return 0;
  },
  async enqueue(rotation, output, interrupt) {
    const pass = await openPassFor(rotation, output, interrupt);
    return (await enqueuePass(rotation, pass, interrupt)) === 'complete' ? 0 : 1;
  },
  run: (rotation, output, interrupt, deep) =>
    runRotation(rotation, { deep, keeping: keepNothing }, output, interrupt),
  async verify(rotation, output, interrupt, deep) {
    const snapshot = await rotation.broker.ledger.snapshot();
    const choices = { deep, fresh: false, onProgress: () => undefined };
    const certificate = await certifyStore(
      rotation,
      snapshot,
      snapshot.pin ?? pin,
      choices,
      output,
      interrupt,
    );
    output.result({ certificate }, () => '');
    return certificate.verdict === 'safe-to-retire' ? 0 : 1;
  },
  async retry({ broker: { ledger, queue }, config, log }, _output, interrupt) {
    const { epoch, state } = await ledger.snapshot();
    if (epoch === null || !mayPutBack(state)) return 1;
    const deps = { ledger, queue, onFault: log.fault, batchSize: config.limits.batchSize };
    await putBackFailures(deps, epoch, null, interrupt);
    return 0;
  },
  pause: async ({ broker }) => ((await broker.ledger.pause('operator', 'by hand')) ? 0 : 1),
  resume: async ({ broker }) => ((await broker.ledger.resume()) ? 0 : 1),
  async cancel({ broker: { ledger, queue } }) {
    if (!(await ledger.cancel())) return 1;
    await queue.drain();
    return 0;
  },
};
