import type { RotationParts } from '../../src/cli/open-rotation.ts';
import type { FaultPeer } from '../../src/rotation/faults.ts';
import type { CensusLedger } from '../../src/rotation/ports/census-ledger.ts';
import type { KeyService } from '../../src/rotation/ports/key-service.ts';
import type { Ledger } from '../../src/rotation/ports/ledger.ts';
import type { Pace } from '../../src/rotation/ports/pace.ts';
import type { RecordStore } from '../../src/rotation/ports/record-store.ts';
import { createMemoryPace } from '../support/memory-pace.ts';
import type { CallOptions, Process } from './network.ts';
import { kmsTrouble, type World } from './world.ts';

/** The ports of one process, each call of which goes over the network. */
export function portsOf(
  world: World,
  process: Process,
): Pick<RotationParts, 'broker' | 'store' | 'keyService'> {
  const { queue, censusQueue } = world.broker;
  return {
    broker: {
      ledger: ledgerOf(world, process),
      pace: paceOf(world, process),
      queue: queue.portFor(process),
      census: { ledger: censusLedgerOf(world, process), openQueue: () => censusQueue.portFor(process) },
      openBoard: () => Promise.reject(new Error('nobody asks for a board')),
      description: 'a broker in memory',
      embedded: null,
      close: async () => undefined,
    },
    store: storeOf(world, process),
    keyService: keyServiceOf(world, process),
  };
}

type Call = <Result>(
  what: string,
  effect: () => Promise<Result>,
  options?: CallOptions<Result>,
) => Promise<Result>;

function callTo({ network }: World, process: Process, peer: FaultPeer): Call {
  return (what, effect, options) => network.call(process, peer, what, effect, options);
}

function ledgerOf(world: World, process: Process): Ledger {
  const { note, overseer } = world;
  const call = callTo(world, process, 'broker');
  const real = (): Ledger => world.broker.ledger;
  /** A step of the ledger, and what the overseer sees after it. */
  const step = <Result>(what: string, effect: () => Promise<Result>): Promise<Result> =>
    call(what, async () => {
      const result = await effect();
      overseer.counted(await real().snapshot());
      return result;
    });
  const told = <Result>(what: string, effect: () => Promise<Result>, detail: () => string): Promise<Result> =>
    step(what, async () => {
      const result = await effect();
      const answer = typeof result === 'boolean' ? ` ${result}` : '';
      note(process.name, what, () => detail() + answer);
      return result;
    });

  return {
    snapshot: () => call('snapshot', () => real().snapshot()),
    begin: (pass) =>
      told(
        'begin',
        () => begin(pass.epoch, () => real().begin(pass)),
        () => pass.epoch,
      ),
    restart: (lost, pass) =>
      told(
        'restart',
        () => begin(pass.epoch, () => real().restart(lost, pass)),
        () => pass.epoch,
      ),
    position: (epoch) => call('position', () => real().position(epoch)),
    stage: (stage) =>
      told(
        'stage',
        () => real().stage(stage),
        () => `${stage.batch.number}: ${stage.batch.refs.join(' ')}`,
      ),
    completeScan: (epoch) =>
      told(
        'completeScan',
        async () => {
          const done = await real().completeScan(epoch);
          if (done) overseer.scanned(epoch);
          return done;
        },
        () => epoch,
      ),
    extend: (epoch) =>
      told(
        'extend',
        () => real().extend(epoch),
        () => epoch,
      ),
    settle: (epoch, batch, tally, failures, before) =>
      told(
        'settle',
        () => {
          overseer.settling(epoch, batch, tally);
          return real().settle(epoch, batch, tally, failures, before);
        },
        () => `${batch}: ${JSON.stringify(tally)}`,
      ),
    putBack: (batch) =>
      told(
        'putBack',
        () => real().putBack(batch),
        () => batch.refs.join(' '),
      ),
    pause: (cause, reason) =>
      told(
        'pause',
        () => real().pause(cause, reason),
        () => cause,
      ),
    resume: () =>
      told(
        'resume',
        () => real().resume(),
        () => '',
      ),
    cancel: () =>
      told(
        'cancel',
        () => real().cancel(),
        () => '',
      ),
    failures: (after, limit) => call('failures', () => real().failures(after, limit)),
    failureCodes: () => call('failureCodes', () => real().failureCodes()),
    failedAmong: (refs) => call('failedAmong', () => real().failedAmong(refs)),
    report: (report) => call('report', () => real().report(report)),
    workers: () => call('workers', () => real().workers()),
  };

  async function begin(epoch: string, beginning: () => Promise<boolean>): Promise<boolean> {
    const begun = await beginning();
    if (begun) overseer.begun(epoch);
    return begun;
  }
}

function censusLedgerOf(world: World, process: Process): CensusLedger {
  const call = callTo(world, process, 'broker');
  const real = (): CensusLedger => world.broker.census;
  return {
    open: (id, plan) => call('census.open', () => real().open(id, plan)),
    snapshot: () => call('census.snapshot', () => real().snapshot()),
    position: (id) => call('census.position', () => real().position(id)),
    stage: (stage) => call('census.stage', () => real().stage(stage)),
    completeScan: (id) => call('census.completeScan', () => real().completeScan(id)),
    settle: (id, batch, tally) =>
      call('census.settle', () => real().settle(id, batch, tally), { detail: () => JSON.stringify(tally) }),
    close: (id) => call('census.close', () => real().close(id)),
  };
}

function paceOf(world: World, process: Process): Pace {
  const call = callTo(world, process, 'broker');
  const real = (): Pace => createMemoryPace(world.broker.pace, world.scenario.limits.rate);
  return {
    take: (calls) =>
      call('pace.take', () => {
        world.overseer.granted(calls);
        return real().take(calls);
      }),
    penalize: (retryAfterMs) => call('pace.penalize', () => real().penalize(retryAfterMs)),
    setRate: (rate) => call('pace.setRate', () => real().setRate(rate)),
    rates: () => call('pace.rates', () => real().rates()),
  };
}

function storeOf(world: World, process: Process): RecordStore {
  const { note, overseer, random, store } = world;
  const call = callTo(world, process, 'store');
  return {
    ...store,
    async *scan(from, limit, signal) {
      for (let after = from; !signal.aborted;) {
        const start = after;
        const page = await call('scan', async () => {
          for await (const first of store.scan(start, limit, signal)) return first;
          return null;
        });
        if (page === null || signal.aborted) return;
        yield page;
        after = page.cursor;
      }
    },
    read: (refs) => call('read', () => store.read(refs), { detail: () => refs.join(' ') }),
    replace(changes) {
      overseer.writes(process);
      const made = (some: typeof changes) => async () => {
        const outcomes = await overseer.replacing(some, () => store.replace(some));
        note(process.name, 'replaces', () =>
          some.map(({ ref }, i) => `${ref}: ${String(outcomes[i])}`).join(', '),
        );
        return outcomes;
      };
      return call('replace', made(changes), {
        torn: made(changes.filter(() => random.chance(0.5))),
        detail: () => changes.map(({ ref }) => ref).join(' '),
      });
    },
    count: () => call('count', () => store.count()),
    excluded: () => call('excluded', () => store.excluded()),
    check: () => call('check', () => store.check()),
  };
}

function keyServiceOf(world: World, process: Process): KeyService {
  const { kms, random } = world;
  const call = callTo(world, process, 'kms');
  const orTrouble =
    <Result>(answer: () => Promise<Result>) =>
    async (): Promise<Result> => {
      const trouble = kmsTrouble(world);
      if (trouble !== null) throw trouble;
      return answer();
    };
  return {
    get itemsPerCall() {
      return kms.itemsPerCall;
    },
    reEncrypt(items, signal) {
      world.overseer.asksKms(process);
      const lags = world.kmsMood === 'lags' && random.chance(0.8);
      const asked = lags ? items.map((item) => ({ ...item, versionId: 'v1' })) : items;
      return call(
        'reEncrypt',
        orTrouble(() => kms.reEncrypt(asked, new AbortController().signal)),
        { signal },
      );
    },
    currentVersion(keyId, versionId) {
      world.overseer.asksKms(process);
      return call(
        'currentVersion',
        orTrouble(() => kms.currentVersion(keyId, versionId)),
      );
    },
    readVersion: kms.readVersion,
    close: async () => undefined,
  };
}
