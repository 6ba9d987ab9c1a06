import type { KeyturnConfig } from '../../src/config/keyturn-config.ts';
import type { FaultPeer } from '../../src/rotation/faults.ts';
import { pin } from './overseer.ts';
import { startProcess, type Role, type Running } from './processes.ts';
import type { Upheaval } from './scenario.ts';
import { loseBroker, type KmsMood, type World } from './world.ts';

const peers: readonly FaultPeer[] = ['broker', 'store', 'kms'];
/** A rotation of a few records that takes longer than this after the storm does not end by itself. */
const longestCalmMs = 60 * 60 * 1000;

/** Starts processes, and starts them anew when they have ended, as Kubernetes does. */
export interface Cluster {
  readonly all: readonly Running[];
  readonly running: () => readonly Running[];
  start(role: Role): Running;
  /** Starts again what should run and has ended. */
  heal(): void;
}

function createCluster(world: World, config: KeyturnConfig): Cluster {
  const all: Running[] = [];
  const running = (): Running[] => all.filter(({ end }) => end === null);

  function start(role: Role): Running {
    const started = startProcess(world, config, role, `${role}-${all.length}`);
    all.push(started);
    return started;
  }

  return {
    all,
    running,
    start,
    heal() {
      const alive = running();
      const workers = alive.filter(({ role }) => role === 'work').length;
      for (let missing = world.scenario.workers - workers; missing > 0; missing -= 1) start('work');
    },
  };
}

/** The storm, and then the calm in which the rotation must end by itself. */
export async function liveThrough(world: World, config: KeyturnConfig): Promise<void> {
  const { note, overseer, random, scenario } = world;
  const cluster = createCluster(world, config);
  const until = Date.now() + scenario.stormMs;
  world.network.trouble = { fates: scenario.fates, share: scenario.fateShare };
  note('world', 'the storm begins');
  let nextUpheaval = Date.now();
  let producer: Running | null = null;
  while (Date.now() < until && overseer.violations.length === 0) {
    cluster.heal();
    if (producer === null || (producer.end !== null && !isDone(producer) && random.chance(0.3)))
      producer = cluster.start(scenario.producer);
    if (scenario.upheavals.length > 0 && Date.now() >= nextUpheaval) {
      strike(world, cluster, random.pick(scenario.upheavals));
      nextUpheaval = Date.now() + random.between(1, 2 * scenario.betweenUpheavalsMs);
    }
    if (scenario.writes.length > 0 && random.chance(scenario.writesPerSecond / 10))
      world.application.write(random.pick(scenario.writes));
    await sleep(random.between(1, 200));
  }
  calm(world, cluster);
  await finish(world, cluster);
  if (overseer.violations.length === 0) await overseer.rested();
}

function isDone({ end }: Running): boolean {
  return end?.kind === 'exit' && end.code === 0;
}

function strike(world: World, cluster: Cluster, upheaval: Upheaval): void {
  const { broker, network, note, random } = world;
  const running = cluster.running();
  const victim = running.length > 0 ? random.pick(running) : null;
  const steps: Record<Upheaval, () => void> = {
    crash: () => victim !== null && network.crash(victim.process, 'by SIGKILL'),
    freeze() {
      if (victim !== null) victim.process.frozenUntil = Date.now() + random.between(500, 40_000);
    },
    partition() {
      if (victim === null) return;
      const { cutOff } = victim.process;
      const peer = random.pick(peers);
      cutOff.add(peer);
      setTimeout(() => cutOff.delete(peer), random.between(500, 40_000));
    },
    stop: () => victim?.interrupt.abort(),
    stall: () => void broker.queue.stall(),
    'forget some batches': () => broker.queue.forget(0.3),
    'forget all batches': () => broker.queue.forget(1),
    'lose the broker': () => void (random.chance(0.2) && loseBroker(world)),
    throttle: () => changeMood(world, 'throttles'),
    'kms down': () => changeMood(world, 'down'),
    'kms lags': () => changeMood(world, 'lags'),
    'kms refuses': () => changeMood(world, 'refuses'),
    steer: () => void cluster.start(random.pick(['pause', 'resume', 'resume', 'cancel'])),
    verify: () => void cluster.start('verify'),
    retry: () => void cluster.start('retry'),
  };
  note('world', `${upheaval}${victim === null ? '' : ` (${victim.process.name})`}`);
  steps[upheaval]();
}

function changeMood(world: World, mood: KmsMood): void {
  world.kmsMood = mood;
  setTimeout(
    () => {
      world.kmsMood = 'well';
    },
    world.random.between(500, 15_000),
  );
}

function calm(world: World, cluster: Cluster): void {
  world.note('world', 'the storm is over');
  world.network.trouble = { fates: [], share: 0 };
  world.kmsMood = 'well';
  for (const { process } of cluster.running()) {
    process.frozenUntil = Math.min(process.frozenUntil, Date.now());
    process.cutOff.clear();
  }
  world.broker.queue.dispatch();
  world.broker.censusQueue.dispatch();
}

/** A person who resumes what is paused, and runs it until it is proved, or known why it cannot be. */
async function finish(world: World, cluster: Cluster): Promise<void> {
  const { overseer } = world;
  const deadline = Date.now() + longestCalmMs;
  let run: Running | null = null;
  let runs = 0;
  while (overseer.violations.length === 0) {
    if (Date.now() > deadline) return overseer.violated('the rotation does not end, an hour after the storm');
    cluster.heal();
    const { state } = await world.broker.ledger.snapshot();
    if (state === 'paused') cluster.start('resume');
    if (run === null || run.end !== null) {
      if (run !== null && (await isProved(world, run))) break;
      runs += 1;
      if (runs > 40) return overseer.violated('forty runs after the storm did not bring it to its end');
      run = cluster.start('run');
    }
    await sleep(250);
  }
  // Also those that died: Node keeps a signal that somebody waits for, and with it this whole world.
  for (const { interrupt } of cluster.all) interrupt.abort();
}

/** Nothing is bad and it says so; or it names what is bad. */
async function isProved(world: World, { end, process }: Running): Promise<boolean> {
  const { broker, overseer } = world;
  // An `enqueue` that outlived the storm may begin the next pass when this one has just finished.
  if (end?.kind === 'threw' && end.fault.code !== 'LEDGER_LOST')
    overseer.violated(`${process.name} gave up in the calm: ${end.fault.message}`);
  if (end?.kind !== 'exit' || end.certificate === null) return false;
  const { state } = await broker.ledger.snapshot();
  if (state !== 'finished') return false;
  const bad = [...overseer.known.values()].filter(({ rubbish }) => rubbish).length;
  const safe = end.certificate.verdict === 'safe-to-retire';
  if (safe !== (end.code === 0)) overseer.violated(`${process.name} exits with ${end.code}, safe: ${safe}`);
  // A record that was set aside and mended since is left for the next pass.
  const othersDone = Object.keys(end.certificate.byVersion).every((version) => version === pin.versionId);
  return bad > 0 ? othersDone && end.certificate.unreadable === bad : safe;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
