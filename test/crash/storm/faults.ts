import { readdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LinkMode } from '../../support/fault-proxy.ts';
import type { Trouble } from '../../support/opaque-kms.ts';
import type { SeededRandom } from '../../support/seeded-random.ts';
import type { TestServer } from '../../support/servers.ts';
import type { Pod } from '../../support/supervisor.ts';
import type { Scene } from './scene.ts';

/** One kind of fault. `strike` breaks something, and mends it before it resolves. */
export interface Fault {
  readonly name: string;
  /** What it holds meanwhile: two faults on one thing would mend each other. */
  readonly on: string;
  readonly strike: () => Promise<unknown>;
}

type Deal = (scene: Scene, random: SeededRandom) => Fault | null;

/** Longer than the 12 s for which a worker holds a batch. */
const beyondTheLockMs = [13_000, 16_000] as const;

/** Each gives a fault of its kind, with its details drawn; null where it does not apply. */
const kinds: readonly Deal[] = [
  (scene, random) => kill(aWorker(scene, random)),
  ({ job }) => (job.completed() ? null : kill(job)),
  (scene, random) => {
    const pod = aWorker(scene, random);
    const forMs = random.between(...beyondTheLockMs);
    return {
      name: 'worker stopped beyond its lock',
      on: pod.name,
      strike: async () => {
        pod.send('SIGSTOP');
        await delay(forMs);
        pod.send('SIGCONT');
      },
    };
  },
  ({ redis }, random) => redis && restart('Redis killed', redis, random),
  ({ postgres }, random) => restart('PostgreSQL stopped immediately', postgres, random),
  ({ redis, job }, random) => (redis === null || job.completed() ? null : cutPower(redis, random)),
  ({ redis }, random) => {
    if (redis === null) return null;
    const forMs = random.between(1000, 8000);
    return {
      name: 'Redis stopped',
      on: 'redis',
      strike: async () => {
        process.kill(redis.pid(), 'SIGSTOP');
        await delay(forMs);
        process.kill(redis.pid(), 'SIGCONT');
      },
    };
  },
  (scene, random) => breakLink(scene, 'broker', random),
  (scene, random) => breakLink(scene, 'store', random),
  (scene, random) => breakLink(scene, 'kms', random),
  ({ kms }, random) =>
    trouble(kms, 'KMS answering 429, 5xx, HTML and half replies', 0.5, kms.troubles, random),
  ({ kms }, random) => trouble(kms, 'KMS answering nothing', 1, ['silence'], random),
  ({ shiftClock, pods }, random) => {
    const [first, ...others] = pods;
    if (shiftClock === null || first === undefined) return null;
    const pod = random.pick([first, ...others]);
    const seconds = random.pick([-7200, -60, 60, 7200, 86_400]);
    const forMs = random.between(2000, 8000);
    return {
      name: 'wall clock that jumps',
      on: `clock of ${pod.name}`,
      strike: async () => {
        shiftClock(pod, seconds);
        await delay(forMs);
        shiftClock(pod, 0);
      },
    };
  },
];

/** All kinds in an order of their own, then all in another, and so on: a short storm has each of them. */
export function dealFaults(scene: Scene, random: SeededRandom): () => Fault | null {
  let deck: Deal[] = [];
  return () => {
    if (deck.length === 0) deck = [...kinds];
    const [deal] = deck.splice(random.between(0, deck.length - 1), 1);
    return deal?.(scene, random) ?? null;
  };
}

function aWorker({ pods }: Scene, random: SeededRandom): Pod {
  const [job, ...workers] = pods;
  const [first = job, ...others] = workers;
  if (first === undefined) throw new Error('a scene without processes');
  return random.pick([first, ...others]);
}

function kill(pod: Pod): Fault {
  const name = `${pod.name === 'job' ? 'producer' : 'worker'} killed`;
  return { name, on: pod.name, strike: async () => pod.send('SIGKILL') };
}

function restart(name: string, server: TestServer, random: SeededRandom): Fault {
  const downMs = random.between(100, 3000);
  return {
    name,
    on: name.startsWith('Redis') ? 'redis' : 'postgres',
    strike: async () => {
      await server.kill();
      await delay(downMs);
      await server.restart();
    },
  };
}

/** What Redis wrote in the last moments never reached the disk: `appendfsync everysec` allows for a second. */
function cutPower(redis: TestServer, random: SeededRandom): Fault {
  const lostMs = random.between(100, 1000);
  const folder = join(redis.dir, 'appendonlydir');
  const sizes = (): Map<string, number> =>
    new Map(readdirSync(folder).map((file) => [file, statSync(join(folder, file)).size]));
  return {
    name: 'Redis losing its last second',
    on: 'redis',
    strike: async () => {
      const before = sizes();
      await delay(lostMs);
      await redis.kill();
      for (const [file, size] of before)
        if (file.endsWith('.incr.aof')) truncateSync(join(folder, file), size);
      await redis.restart();
    },
  };
}

function breakLink({ links }: Scene, to: keyof Scene['links'], random: SeededRandom): Fault {
  const mode = random.pick<LinkMode>(['blackhole', 'reset', 'dropReplies', 'delay']);
  const forMs = random.between(1000, 9000);
  return {
    name: `link to the ${to}: ${mode}`,
    on: `link ${to}`,
    strike: async () => {
      links[to].setMode(mode);
      await delay(forMs);
      links[to].setMode('pass');
    },
  };
}

function trouble(
  kms: Scene['kms'],
  name: string,
  share: number,
  troubles: readonly Trouble[],
  random: SeededRandom,
): Fault {
  const forMs = random.between(2000, 6000);
  return {
    name,
    on: 'kms',
    strike: async () => {
      const usual = kms.troubles;
      Object.assign(kms, { troubles, troubleShare: share });
      await delay(forMs);
      Object.assign(kms, { troubles: usual, troubleShare: 0 });
    },
  };
}
