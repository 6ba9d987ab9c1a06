import { describe, expect, test } from 'vitest';
import type { CiphertextOutcome } from '../../src/rotation/calls/ciphertext-outcome.ts';
import { reEncryptRecords } from '../../src/rotation/calls/re-encrypt-records.ts';
import { Fault } from '../../src/rotation/faults.ts';
import { openedOne } from '../../src/rotation/formats/opened.ts';
import type { Opened } from '../../src/rotation/formats/format.ts';
import type { OpenRecord } from '../../src/rotation/open-record.ts';
import { createCore, forbidden, goalOf, transient, type Core } from '../support/core.ts';
import { openSealed, sealFor } from '../support/memory-kms.ts';

const never = new AbortController().signal;

function recordOf(id: string, ciphertext: Uint8Array, aad: Opened['aad'] = 'template'): OpenRecord {
  const record = { ref: id, value: ciphertext, fields: { id }, keyVersion: null, revision: null };
  return { record, opened: { ...openedOne(ciphertext, (sealed) => sealed), aad } };
}

function sealed(ids: readonly string[], version = 'v1'): OpenRecord[] {
  return ids.map((id) => recordOf(id, sealFor('k1', version, `c/${id}`, `plain-${id}`)));
}

async function ask(
  core: Core,
  records: readonly OpenRecord[],
  goal = goalOf(),
): Promise<{ outcomes: [string, CiphertextOutcome['kind']][]; stoppedBy: Fault | null }> {
  const outcomes: [string, CiphertextOutcome['kind']][] = [];
  const told = ({ record }: OpenRecord, [outcome]: readonly CiphertextOutcome[]): void => {
    if (outcome !== undefined) outcomes.push([record.ref, outcome.kind]);
  };
  const stoppedBy = await reEncryptRecords(core.calls, goal, records, told, never);
  return { outcomes, stoppedBy };
}

describe('a key service that takes several items a call', () => {
  test('gets them in full calls, and each record its own answer', async () => {
    const core = createCore();
    core.kms.itemsPerCall = 4;
    const records = [...sealed(['1', '2', '3', '4', '5', '6']), ...sealed(['7', '8', '9'], 'v2')];
    const { outcomes } = await ask(core, records);
    expect(core.kms.requests).toEqual([4, 4, 1]);
    expect(Object.fromEntries(outcomes)).toEqual({
      ...Object.fromEntries(['1', '2', '3', '4', '5', '6'].map((id) => [id, 'rewrapped'])),
      ...Object.fromEntries(['7', '8', '9'].map((id) => [id, 'onPin'])),
    });
  });

  test('an item that is refused is the fault of its record alone', async () => {
    const core = createCore();
    core.kms.itemsPerCall = 10;
    const { outcomes, stoppedBy } = await ask(core, [
      ...sealed(['1', '2']),
      recordOf('3', sealFor('k1', 'v1', 'c/another', 'x')),
    ]);
    expect(Object.fromEntries(outcomes)).toEqual({ '1': 'rewrapped', '2': 'rewrapped', '3': 'refused' });
    expect([stoppedBy, core.kms.requests]).toEqual([null, [3]]);
  });

  test('only what the source refused is tried with the target', async () => {
    const core = createCore();
    core.kms.itemsPerCall = 10;
    const moved = recordOf('3', sealFor('k1', 'v2', 'd/3', 'x'));
    const { outcomes } = await ask(core, [...sealed(['1', '2']), moved], goalOf({ targetAad: 'd/{id}' }));
    expect(Object.fromEntries(outcomes)).toEqual({ '1': 'rewrapped', '2': 'rewrapped', '3': 'onPin' });
    expect(core.kms.requests).toEqual([3, 1]);
  });

  test('a passing trouble costs the whole call again, not a call for each item', async () => {
    const core = createCore();
    core.kms.itemsPerCall = 10;
    let failures = 1;
    core.kms.trouble = () => {
      if (failures-- > 0) throw transient();
      return undefined;
    };
    const { outcomes } = await ask(core, sealed(['1', '2', '3', '4', '5']));
    expect(outcomes.map(([, kind]) => kind)).toEqual(Array.from({ length: 5 }, () => 'rewrapped'));
    expect(core.kms.requests).toEqual([5, 5]);
  });

  test('one item that spoils its call every time is found, and the others are not held up by it', async () => {
    const core = createCore();
    core.kms.itemsPerCall = 64;
    core.kms.trouble = (item) => {
      if (openSealed(item.ciphertext).plaintext === 'plain-37') throw transient('INTERNAL');
      return undefined;
    };
    const ids = Array.from({ length: 64 }, (_, index) => String(index + 1));
    const { outcomes, stoppedBy } = await ask(core, sealed(ids));
    expect(stoppedBy).toBeNull();
    expect(outcomes.filter(([, kind]) => kind === 'refused')).toEqual([['37', 'refused']]);
    expect(outcomes).toHaveLength(64);
  });

  test('a call that is too large is parted', async () => {
    const core = createCore();
    core.kms.itemsPerCall = 64;
    const most = 10;
    core.kms.trouble = () => {
      if ((core.kms.requests.at(-1) ?? 0) > most) throw new Fault('record', 'REQUEST_TOO_LARGE', 'too large');
      return undefined;
    };
    const ids = Array.from({ length: 33 }, (_, index) => String(index + 1));
    const { outcomes } = await ask(core, sealed(ids));
    expect(outcomes.filter(([, kind]) => kind === 'rewrapped')).toHaveLength(33);
  });

  test('an answer of another length than the question is asked for again', async () => {
    const core = createCore();
    core.kms.itemsPerCall = 10;
    const { reEncrypt } = core.kms;
    let short = true;
    core.kms.reEncrypt = async (items, signal) => {
      const results = await reEncrypt(items, signal);
      const cut = short ? results.slice(1) : results;
      short = false;
      return cut;
    };
    const { outcomes } = await ask(core, sealed(['1', '2', '3']));
    expect(outcomes.map(([, kind]) => kind)).toEqual(['rewrapped', 'rewrapped', 'rewrapped']);
    expect(core.faults).toMatchObject([{ code: 'BAD_REPLY' }]);
  });

  test('a template that cannot be filled in is its record’s fault, and is not sent', async () => {
    const core = createCore();
    core.kms.itemsPerCall = 10;
    const [one, two] = sealed(['1', '2']);
    if (one === undefined || two === undefined) throw new Error('two were made');
    const empty = { ...two, record: { ...two.record, fields: { id: null } } };
    const { outcomes } = await ask(core, [one, empty]);
    expect(outcomes).toContainEqual(['2', 'refused']);
    expect(core.kms.requests).toEqual([1]);
  });

  test('a fault that holds for all stops all', async () => {
    const core = createCore();
    core.kms.itemsPerCall = 2;
    core.kms.trouble = () => {
      throw forbidden();
    };
    const { outcomes, stoppedBy } = await ask(core, sealed(['1', '2', '3', '4']));
    expect(outcomes).toEqual([]);
    expect(stoppedBy).toMatchObject({ code: 'PERMISSION_DENIED' });
  });
});

describe('records that share a ciphertext', () => {
  const constant = goalOf({ sourceAad: 'tenant', targetAad: 'tenant' });
  const shared = sealFor('k1', 'v1', 'tenant', 'data key');
  const many = (count: number): OpenRecord[] =>
    Array.from({ length: count }, (_, index) => recordOf(String(index), shared));

  test('cost one call within a batch, and each has its answer', async () => {
    const core = createCore();
    const { outcomes } = await ask(core, many(50), constant);
    expect(outcomes.map(([, kind]) => kind)).toEqual(Array.from({ length: 50 }, () => 'rewrapped'));
    expect([core.kms.calls.length, core.saved]).toEqual([1, { batch: 49, cache: 0 }]);
  });

  test('cost no further call in the next batches of a worker', async () => {
    const core = createCore();
    for (let batch = 0; batch < 3; batch += 1) await ask(core, many(10), constant);
    expect([core.kms.calls.length, core.saved]).toEqual([1, { batch: 27, cache: 2 }]);
  });

  test('but where the AAD template holds the key of each record, only those bound to no AAD are compared', async () => {
    const core = createCore();
    const own = { ...core, calls: { ...core.calls, aadIsOwn: true } };
    const bare = sealFor('k1', 'v1', '', 'data key');
    const unbound = ['a', 'b', 'c'].map((id) => recordOf(id, bare, 'none'));
    await ask(own, [...sealed(['1', '2']), ...unbound]);
    await ask(own, unbound);
    expect([core.kms.calls.length, core.saved]).toEqual([3, { batch: 4, cache: 1 }]);
  });

  test('but not where their AAD differs', async () => {
    const core = createCore();
    const { outcomes } = await ask(core, [recordOf('1', shared), recordOf('2', shared)]);
    expect(outcomes.map(([, kind]) => kind)).toEqual(['refused', 'refused']);
    expect(core.kms.calls).toHaveLength(2);
  });

  test('nor where they differ in the AAD of a key that is tried later', async () => {
    const core = createCore();
    const goal = goalOf({ sourceAad: 'c/{id}', targetAad: 'tenant' });
    const value = sealFor('k1', 'v1', 'c/2', 'x');
    const { outcomes } = await ask(core, [recordOf('1', value), recordOf('2', value)], goal);
    expect(Object.fromEntries(outcomes)).toEqual({ '1': 'refused', '2': 'rewrapped' });
  });

  test('nor for another pin', async () => {
    const core = createCore();
    await ask(core, many(1), constant);
    await ask(core, many(1), { ...constant, versionId: 'v3' });
    expect(core.kms.calls.map(({ versionId }) => versionId)).toEqual(['v2', 'v3']);
  });

  test('a refusal is not remembered: it may have come of a passing trouble', async () => {
    const core = createCore();
    core.kms.trouble = () => new Fault('record', 'INVALID_ARGUMENT', 'refused');
    await ask(core, many(1), constant);
    core.kms.trouble = () => undefined;
    expect((await ask(core, many(1), constant)).outcomes).toEqual([['0', 'rewrapped']]);
  });

  test('the outcomes of a record with several are told together, in their order, however they came', async () => {
    const core = createCore();
    const [one, two] = ['v1', 'v2'].map((version) => sealFor('k1', version, 'c/1', 'x'));
    if (one === undefined || two === undefined) throw new Error('two were made');
    const [record] = sealed(['1']);
    if (record === undefined) throw new Error('one was made');
    const several = { ...record, opened: { ...record.opened, ciphertexts: [one, two, one] } };
    const told: string[][] = [];
    const onOutcomes = (_: OpenRecord, outcomes: readonly CiphertextOutcome[]): void =>
      void told.push(outcomes.map(({ kind }) => kind));
    expect(await reEncryptRecords(core.calls, goalOf(), [several], onOutcomes, never)).toBeNull();
    expect([told, core.kms.calls.length]).toEqual([[['rewrapped', 'onPin', 'rewrapped']], 2]);
  });

  test('a ciphertext that is bound to no AAD is asked for without, whatever the template says', async () => {
    const core = createCore();
    const { outcomes } = await ask(core, [recordOf('1', sealFor('k1', 'v1', '', 'data key'), 'none')]);
    expect(outcomes).toEqual([['1', 'rewrapped']]);
  });
});
