import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Fault } from '../../src/rotation/faults.ts';
import { replacementOf } from '../../src/rotation/record.ts';
import { openScene, wrappedKey } from '../support/s3-fixture.ts';

const field = 'x-amz-meta-wrapped-key';
const keys = Array.from({ length: 8 }, (_, index) => `object-${index}`);

describe.each([{ kind: 'body' as const }, wrappedKey])(
  'an application that writes on, $kind',
  (ciphertext) => {
    test('loses nothing to the store, though replies are lost and writes refused', async () => {
      const { double, store, close } = await openScene({ ciphertext });
      const acknowledged = new Map<string, string>();
      let writes = 0;
      function applicationWrites(key: string): void {
        const value = `application-${(writes += 1)}`;
        double.put(key, Buffer.from(value), { [field]: value });
        acknowledged.set(key, value);
      }
      for (const key of keys) applicationWrites(key);
      let requests = 0;
      double.interfere = ({ method, key }) => {
        requests += 1;
        // Also between the store's last look and its write.
        if (writes < 60 && requests % 5 === 0 && key !== '') applicationWrites(key);
        if (method === 'PUT' && requests % 13 === 0) return { kind: 'cutAfter' };
        if (method === 'PUT' && requests % 17 === 0)
          return { kind: 'refuse', status: 409, code: 'ConditionalRequestConflict' };
        return undefined;
      };

      const outcomes: unknown[] = [];
      for (;;) {
        const open = (await store.read(keys)).filter(({ value }) => !isNew(value));
        if (open.length === 0) break;
        const changes = open.map((read) => {
          const value = Buffer.concat([Buffer.from('new-'), read.value]);
          return replacementOf(read, value, 'v2');
        });
        const result = await store.replace(changes).catch((error: unknown) => error);
        if (result instanceof Fault) expect(result.faultClass).toBe('transient');
        else outcomes.push(result);
        await turn();
      }

      expect(outcomes.flat()).toContain('conflict');
      expect(writes).toBe(60);
      for (const key of keys) {
        const object = double.objects.get(key);
        const value = ciphertext.kind === 'body' ? object?.body.toString() : object?.headers[field];
        expect(value).toBe(`new-${acknowledged.get(key)}`);
        // The body that the wrapped key belongs to.
        if (ciphertext.kind === 'metadata') expect(object?.body.toString()).toBe(acknowledged.get(key));
      }
      await close();
    });
  },
);

function isNew(value: Uint8Array): boolean {
  return Buffer.from(value).toString().startsWith('new-');
}
