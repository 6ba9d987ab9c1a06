import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.ts';
import { dealFaults } from './faults.ts';
import type { Scene } from './scene.ts';

/**
 * Lets faults strike, several at a time, until `over` or the rotation's Job is done; all is mended then.
 * Returns how many of each kind there were.
 */
export async function rage(
  scene: Scene,
  random: SeededRandom,
  over: () => boolean,
): Promise<Map<string, number>> {
  const deal = dealFaults(scene, random);
  const struck = new Map<string, number>();
  const held = new Map<string, Promise<void>>();

  while (!over()) {
    const fault = deal();
    if (fault !== null && !held.has(fault.on)) {
      struck.set(fault.name, (struck.get(fault.name) ?? 0) + 1);
      const mended = fault.strike().then(() => void held.delete(fault.on));
      held.set(fault.on, mended);
    }
    await delay(random.between(300, 3000));
  }
  await Promise.all(held.values());
  return struck;
}
