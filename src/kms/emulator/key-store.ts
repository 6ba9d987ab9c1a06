import pLimit from 'p-limit';
import { dropDestroyedSecrets, type Key } from './key.ts';
import type { ServiceAccountKey } from './service-account-key.ts';
import { loadState, saveState, type EmulatorState } from './state-file.ts';
import { refusal } from './status.ts';

/** All that the emulator remembers. What a change returns is on disk, if there is a state file. */
export interface KeyStore {
  /** In the order of their creation. */
  keys(): readonly Key[];
  /** Throws NOT_FOUND for an unknown key. */
  findKey(keyId: string): Key;
  addKey(key: Key): Promise<Key>;
  /** Changes are made one after the other, each on what the one before left. */
  changeKey(keyId: string, change: (key: Key) => Key): Promise<Key>;
  findServiceAccountKey(id: string): ServiceAccountKey | undefined;
  addServiceAccountKey(key: ServiceAccountKey): Promise<void>;
  /** Resolves when every change asked for so far is made or refused. */
  settled(): Promise<void>;
}

/** Throws a usage `Fault` if the state file is corrupt or cannot be read. */
export async function openKeyStore(stateFile: string | undefined, now: () => number): Promise<KeyStore> {
  const empty: EmulatorState = { keys: new Map(), serviceAccountKeys: new Map() };
  let state = stateFile === undefined ? empty : ((await loadState(stateFile)) ?? empty);
  const oneAtATime = pLimit(1);

  /** Saved first, seen after: no ciphertext is ever made under a version that a crash could lose. */
  async function commit(next: EmulatorState): Promise<void> {
    if (stateFile !== undefined) await saveState(stateFile, next);
    state = next;
  }

  async function putKey(key: Key): Promise<Key> {
    await commit({ ...state, keys: new Map(state.keys).set(key.id, key) });
    return key;
  }

  function findKey(keyId: string): Key {
    const key = state.keys.get(keyId);
    if (key === undefined) throw refusal('NOT_FOUND', 'There is no such key');
    return key;
  }

  return {
    keys: () => [...state.keys.values()],
    findKey,
    addKey: (key) => oneAtATime(() => putKey(key)),
    changeKey: (keyId, change) =>
      oneAtATime(() => putKey(change(dropDestroyedSecrets(findKey(keyId), now())))),
    findServiceAccountKey: (id) => state.serviceAccountKeys.get(id),
    addServiceAccountKey: (key) =>
      oneAtATime(() =>
        commit({ ...state, serviceAccountKeys: new Map(state.serviceAccountKeys).set(key.id, key) }),
      ),
    settled: () => oneAtATime(() => undefined),
  };
}
