import type { Ref } from '../../src/rotation/record.ts';
import { sealFor } from '../support/memory-kms.ts';
import type { MemoryStore } from '../support/memory-store.ts';
import { pin, type Overseer } from './overseer.ts';
import type { Random } from './random.ts';
import type { Scenario } from './scenario.ts';

export type Write = Scenario['writes'][number];

/** What reads and writes the records besides keyturn, and knows what it wrote. */
export interface Application {
  readonly aadOf: (ref: Ref) => string;
  write(kind: Write): void;
}

/** AAD templates of source and target. */
export function aadTemplates({ moves }: Scenario): { source: string; target: string } {
  return { source: 'c/{id}', target: moves ? 'tenant/{id}' : 'c/{id}' };
}

export function sourceKey({ moves }: Scenario): string {
  return moves ? 'k0' : pin.keyId;
}

export function createApplication(
  store: MemoryStore,
  scenario: Scenario,
  random: Random,
  nonce: () => string,
  overseer: () => Overseer,
  note: (who: string, what: string) => void,
): Application {
  const { notesVersion } = scenario;
  const templates = aadTemplates(scenario);
  const aad = (template: string, ref: Ref): string => template.replace('{id}', ref);
  let writes = 0;

  function put(ref: Ref, kind: 'old' | 'new' | 'rubbish'): void {
    writes += 1;
    const plaintext = `p${writes}`;
    const isOld = kind === 'old';
    const version = isOld ? 'v1' : pin.versionId;
    const value =
      kind === 'rubbish'
        ? Buffer.from(plaintext)
        : sealFor(
            isOld ? sourceKey(scenario) : pin.keyId,
            version,
            aad(isOld ? templates.source : templates.target, ref),
            plaintext,
            nonce(),
          );
    const before = store.rows.get(ref)?.keyVersion ?? null;
    // An application may forget the note of a record that it writes over.
    const keyVersion = notesVersion ? (before !== null && random.chance(0.5) ? before : version) : null;
    store.rows.set(ref, { value, keyVersion });
    overseer().wrote(ref, { plaintext, rubbish: kind === 'rubbish' });
    note('application', `writes ${kind} ${ref} as ${plaintext}`);
  }

  const newRef = (): Ref => `r${String(random.between(0, 99)).padStart(2, '0')}`;
  return {
    aadOf: (ref) => aad(templates.target, ref),
    write(kind) {
      const refs = [...store.rows.keys()];
      if (kind === 'insert') return put(newRef(), random.pick(['old', 'new']));
      if (refs.length === 0) return;
      const ref = random.pick(refs);
      if (kind !== 'delete') return put(ref, kind);
      store.rows.delete(ref);
      overseer().wrote(ref, null);
      note('application', `deletes ${ref}`);
    },
  };
}
