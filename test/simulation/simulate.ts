import { parseWith } from '../support/parse-config.ts';
import type { KeyturnConfig } from '../../src/config/keyturn-config.ts';
import { aadTemplates, sourceKey } from './application.ts';
import { pin } from './overseer.ts';
import { createRandom } from './random.ts';
import { drawScenario, type Scenario } from './scenario.ts';
import { liveThrough } from './storm.ts';
import { inVirtualTime } from './virtual-time.ts';
import { createWorld, type World } from './world.ts';

export interface Simulated {
  readonly scenario: Scenario;
  /** What was found untrue, in words; empty where all held. */
  readonly violations: readonly string[];
  /** All that happened, in its order. */
  readonly history: readonly string[];
}

/** Lives through one run, the same for the same seed. `sabotage` breaks a part before it begins. */
export async function simulate(
  seed: number,
  sabotage: (world: World) => void = () => undefined,
): Promise<Simulated> {
  const { scenario, random } = drawScenario(seed);
  let world: World | null = null;
  const ended = await inVirtualTime(createRandom(~seed), async () => {
    world = createWorld(scenario, random);
    for (let record = 0; record < scenario.records; record += 1) world.application.write('insert');
    sabotage(world);
    await liveThrough(world, configOf(scenario));
    return world;
  });
  if (world === null) throw new Error('nothing was begun');
  const { history, overseer }: World = world;
  if (ended === null) overseer.violated('everyone waits for ever');
  return { scenario, violations: overseer.violations, history };
}

function configOf(scenario: Scenario): KeyturnConfig {
  const { limits } = scenario;
  const aad = aadTemplates(scenario);
  return parseWith({
    rotation: 'simulated',
    broker: 'redis://127.0.0.1',
    source: { keyId: sourceKey(scenario), aadContext: aad.source },
    target: { ...pin, aadContext: aad.target },
    format: 'raw',
    limits: { ...limits, rate: limits.rate ?? 'none' },
    retry: { attempts: 4, initial: '50ms', max: '2s' },
    log: { level: 'silent' },
  }).config;
}
