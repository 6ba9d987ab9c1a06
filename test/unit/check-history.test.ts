import { expect, test } from 'vitest';
import { findWrongWrites, type Evidence } from '../crash/storm/check-history.ts';
import type { HistoryEntry } from '../crash/storm/history.ts';

/** Values in the clear: version, AAD and plaintext. */
const value = (plaintext: string, versionId = 'version-2', aad = 'customer/1'): Buffer =>
  Buffer.from(`${versionId}|${aad}|${plaintext}`);
const kms: Evidence['kms'] = {
  open(ciphertext) {
    const [versionId, aad, plaintext] = Buffer.from(ciphertext).toString().split('|');
    return versionId && aad && plaintext ? { versionId, aad, plaintext } : undefined;
  },
};
const old = value('plain-1', 'version-1');
const rotated = value('plain-1');

function evidence(change: Partial<Evidence> & { writes?: Partial<HistoryEntry>[] } = {}): Evidence {
  const { writes = [{}], ...rest } = change;
  const history = writes.map((write, seq) => ({
    seq,
    id: '1',
    writer: 'keyturn',
    before: old,
    after: rotated,
    more: false,
    ...write,
  }));
  return {
    history,
    table: [{ id: '1', value: rotated, note: 'note-1' }],
    acknowledged: [],
    poisonedIds: [],
    kms,
    ...rest,
  };
}
const finding = (found: Evidence): string => findWrongWrites(found).join('; ');
const now = (after: Buffer): Partial<Evidence> => ({ table: [{ id: '1', value: after, note: 'note-1' }] });
const byApplication = { writer: 'application', before: old, after: value('written') };

test('a history in which all is right has no findings', () => {
  expect(finding(evidence())).toBe('');
  expect(finding(evidence({ writes: [byApplication], ...now(value('written')) }))).toBe('');
});

test.each<[string, Evidence]>([
  ['changed what the value says', evidence({ writes: [{ after: value('other') }], ...now(value('other')) })],
  ['wrote under version-3', evidence({ writes: [{ after: value('plain-1', 'version-3') }] })],
  [
    'a value of another record',
    evidence({ writes: [{ after: value('plain-1', 'version-2', 'customer/2') }] }),
  ],
  ['never gave out', evidence({ writes: [{ after: Buffer.from('rubbish') }] })],
  ['more than change the value', evidence({ writes: [{ more: true }] })],
  ['more than change the value', evidence({ writes: [{ after: null }] })],
  // The application's write in between was overwritten with what was read before it.
  ['a write is missing', evidence({ writes: [byApplication, {}] })],
  ['does not say what was written last', evidence({ writes: [byApplication, {}] })],
  ['is not what was written last', evidence({ table: [] })],
  ['an acknowledged write is lost', evidence({ acknowledged: [{ id: '1', plaintext: 'written' }] })],
  ['its note has changed', evidence({ table: [{ id: '1', value: rotated, note: 'other' }] })],
  ['left under version-1', evidence({ writes: [], ...now(old) })],
  ['poison was written over', evidence({ poisonedIds: ['1'] })],
])('a storm is told what went wrong: %s', (words, found) => {
  expect(finding(found)).toContain(words);
});
