import { Fault } from '../../src/rotation/faults.ts';
import type { CensusLedger } from '../../src/rotation/ports/census-ledger.ts';
import { createMemoryCensusLedger } from '../support/memory-census-ledger.ts';
import { createMemoryKms, type MemoryKms } from '../support/memory-kms.ts';
import { createMemoryLedger, type MemoryLedger } from '../support/memory-ledger.ts';
import { createPaceState, type PaceState } from '../support/memory-pace.ts';
import { createMemoryStore, type MemoryStore } from '../support/memory-store.ts';
import { createApplication, sourceKey, type Application } from './application.ts';
import { createNetwork, type Network } from './network.ts';
import { createOverseer, pin, type Overseer } from './overseer.ts';
import type { Random } from './random.ts';
import type { Scenario } from './scenario.ts';
import { createSimulatedQueue, type SimulatedQueue } from './simulated-queue.ts';

const uuid = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

export type KmsMood = 'well' | 'throttles' | 'down' | 'lags' | 'refuses';

/** All that outlives a process: the peers, the application, and what happened so far. */
export interface World {
  readonly scenario: Scenario;
  readonly random: Random;
  readonly history: string[];
  readonly note: (who: string, what: string, detail?: () => string) => void;
  readonly network: Network;
  readonly store: MemoryStore;
  readonly kms: MemoryKms;
  kmsMood: KmsMood;
  broker: {
    readonly ledger: MemoryLedger;
    readonly census: CensusLedger;
    readonly pace: PaceState;
    readonly queue: SimulatedQueue;
    readonly censusQueue: SimulatedQueue;
  };
  readonly application: Application;
  readonly overseer: Overseer;
}

export function createWorld(scenario: Scenario, random: Random): World {
  const history: string[] = [];
  const startedAt = Date.now();
  const names = new Map<string, string>();
  /** Random ids differ from run to run, and nothing else may. */
  const named = (text: string): string =>
    text.replaceAll(uuid, (id) => {
      const name = names.get(id) ?? `e${names.size + 1}`;
      names.set(id, name);
      return name;
    });
  const note: World['note'] = (who, what, detail) => {
    const at = ((Date.now() - startedAt) / 1000).toFixed(3).padStart(8);
    history.push(named(`${at} ${who.padEnd(12)} ${what}${detail === undefined ? '' : ` ${detail()}`}`));
  };
  const network = createNetwork(random, note);
  let nonces = 0;
  const nonce = (): string => {
    nonces += 1;
    return String(nonces);
  };
  const store = createMemoryStore();
  store.refuse = () => (network.trouble.share > 0 && random.chance(0.02) ? 'conflict' : undefined);
  const kms = createMemoryKms();
  kms.nonce = nonce;
  kms.itemsPerCall = scenario.itemsPerCall;
  kms.readable = scenario.headersReadable;
  kms.holds = { keyIds: [sourceKey(scenario), pin.keyId], versionIds: ['v1', pin.versionId] };

  const application = createApplication(store, scenario, random, nonce, () => world.overseer, note);
  const queueNamed = (name: string): SimulatedQueue => createSimulatedQueue(network, random, note, name);
  const world: World = {
    scenario,
    random,
    history,
    note,
    network,
    store,
    kms,
    application,
    kmsMood: 'well',
    broker: {
      ...newLedgers(),
      queue: queueNamed('queue'),
      censusQueue: queueNamed('census queue'),
    },
    overseer: createOverseer(store, () => world.broker.ledger, application.aadOf, scenario),
  };
  return world;
}

/** As FLUSHALL: the broker knows nothing any more. */
export function loseBroker(world: World): void {
  const { queue, censusQueue } = world.broker;
  queue.forget(1);
  censusQueue.forget(1);
  world.broker = { ...newLedgers(), queue, censusQueue };
}

function newLedgers(): Pick<World['broker'], 'ledger' | 'census' | 'pace'> {
  return { ledger: createMemoryLedger(), census: createMemoryCensusLedger(), pace: createPaceState() };
}

/** What the KMS says when it does not answer; null when it is well enough to. */
export function kmsTrouble({ kmsMood, random }: World): Fault | null {
  if (kmsMood === 'throttles' && random.chance(0.7)) {
    const retryAfterMs = random.between(0, 1500);
    return new Fault('transient', 'RESOURCE_EXHAUSTED', 'too fast', {
      peer: 'kms',
      throttled: true,
      retryAfterMs,
    });
  }
  if (kmsMood === 'down' && random.chance(0.9))
    return new Fault('transient', 'UNAVAILABLE', 'down', { peer: 'kms' });
  if (kmsMood === 'refuses')
    return new Fault('rotation', 'PERMISSION_DENIED', 'no permission', { peer: 'kms' });
  return null;
}
