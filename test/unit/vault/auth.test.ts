import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createVaultTokenSource, type VaultAuth } from '../../../src/kms/vault/auth/vault-auth.ts';
import {
  refusal,
  roleId,
  sealed,
  secretId,
  serviceAccountToken,
  standby,
  startVaultDouble,
  type VaultDouble,
} from '../../support/vault-double.ts';
import { startVault } from '../../support/vault-service.ts';
import type { TokenOptions } from '../../support/vault-tokens.ts';
import { never, thrownBy } from '../../support/yandex-service.ts';

const appRole: VaultAuth = {
  kind: 'appRole',
  readRoleId: () => Promise.resolve(`${roleId}\n`),
  readSecretId: () => Promise.resolve(`${secretId}\n`),
  mount: 'approle',
};
const kubernetes: VaultAuth = {
  kind: 'kubernetes',
  role: 'keyturn',
  readToken: () => Promise.resolve(serviceAccountToken),
  mount: 'kubernetes',
};

/** Tokens of a double, by the double's clock. */
async function startTokens(choose: (vault: VaultDouble) => VaultAuth, loginToken?: TokenOptions) {
  const vault = await startVaultDouble({ ...(loginToken && { loginToken }) });
  onTestFinished(() => vault.close());
  const connection = { url: vault.url, namespace: undefined, caPem: undefined, timeoutMs: 10_000 };
  const tokens = createVaultTokenSource(choose(vault), connection, vault.nowMs);
  onTestFinished(() => tokens.close());
  return {
    vault,
    tokens,
    get: async () => tokens.get(undefined),
    /** The paths that were called, less `/v1/auth/`. */
    called: () => vault.received.map(({ path }) => path.slice('/v1/auth/'.length)),
  };
}

describe('a login', () => {
  test.each([
    ['AppRole', appRole, 'approle/login', { role_id: roleId, secret_id: secretId }],
    ['Kubernetes', kubernetes, 'kubernetes/login', { role: 'keyturn', jwt: serviceAccountToken }],
  ])('by %s gives a token that serves all callers', async (_, auth, path, body) => {
    const { vault, get, called } = await startTokens(() => auth);
    const [first, ...rest] = await Promise.all([get(), get(), get()]);
    expect(rest).toEqual([first, first]);
    expect(vault.tokens.find(first)).not.toBeNull();
    expect(called()).toEqual([path]);
    expect(JSON.parse(vault.received[0]?.body ?? '')).toEqual(body);
  });

  test('goes to the mount of its auth method', async () => {
    const { get, called } = await startTokens(() => ({ ...appRole, mount: 'teams/approle' }));
    expect(await thrownBy(get())).toMatchObject({ code: 'TOKEN_REFUSED' });
    expect(called()).toEqual(['teams/approle/login']);
  });

  test('reads its files anew each time', async () => {
    const readSecretId = vi
      .fn<() => Promise<string>>()
      .mockResolvedValueOnce('replaced meanwhile')
      .mockResolvedValue(secretId);
    const { get } = await startTokens(() => ({ ...appRole, readSecretId }));
    const fault = await thrownBy(get());
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'TOKEN_REFUSED', peer: 'kms' });
    expect(fault.message).not.toContain('replaced');
    expect(await get()).toMatch(/^hvs\./);
  });

  test.each([
    ['cannot be read', () => Promise.reject(new Error('ENOENT'))],
    ['is empty', () => Promise.resolve(' \n')],
  ])('whose file %s stops the rotation', async (_, readToken) => {
    const { get, called } = await startTokens(() => ({ ...kubernetes, readToken }));
    expect(await thrownBy(get())).toMatchObject({ faultClass: 'rotation', code: 'TOKEN_FILE_UNREADABLE' });
    expect(called()).toEqual([]);
  });

  test.each([
    ['sealed', sealed, 'SEALED'],
    ['standby', standby, 'STANDBY'],
    ['too busy', refusal(429), 'RESOURCE_EXHAUSTED'],
    ['without a token in its reply', { status: 200, body: { auth: {} } }, 'BAD_REPLY'],
  ])('at a Vault that is %s is tried again, and slows no pace', async (_, reply, code) => {
    const { vault, get } = await startTokens(() => appRole);
    vault.instead = () => reply;
    expect(await thrownBy(get())).toMatchObject({ faultClass: 'transient', code, throttled: false });
    vault.instead = () => null;
    expect(await get()).toMatch(/^hvs\./);
  });
});

describe('a token of a login', () => {
  test('is renewed ahead of its expiry, once for all callers', async () => {
    const { vault, get, called } = await startTokens(() => appRole, { ttlSeconds: 100 });
    const first = await get();
    for (let renewals = 1; renewals <= 5; renewals += 1) {
      vault.pass(95_000);
      expect(await Promise.all([get(), get()])).toEqual([first, first]);
      await vi.waitFor(() => expect(called()).toHaveLength(1 + renewals));
      // The reply is in the cache once a call that is far from the refresh makes none.
      await vi.waitFor(async () =>
        expect(vault.tokens.find(await get())?.endsMs).toBe(vault.nowMs() + 100_000),
      );
    }
    expect(called()).toEqual(['approle/login', ...Array.from({ length: 5 }, () => 'token/renew-self')]);
  });

  test.each([
    ['nears its max TTL', { ttlSeconds: 100, maxTtlSeconds: 130 }, ['token/renew-self']],
    ['is past its max TTL', { ttlSeconds: 100, maxTtlSeconds: 95 }, ['token/renew-self']],
    ['cannot be renewed', { ttlSeconds: 100, renewable: false }, []],
  ])('that %s gives way to a new login before it expires', async (_, loginToken, renewals) => {
    const { vault, get, called } = await startTokens(() => appRole, loginToken);
    const first = await get();
    vault.pass(95_000);
    await get();
    await vi.waitFor(async () => expect(await get()).not.toBe(first));
    expect(called()).toEqual(['approle/login', ...renewals, 'approle/login']);
  });

  test('that is refused gives way to a new login, not to a renewal', async () => {
    const { vault, tokens, get, called } = await startTokens(() => appRole, { ttlSeconds: 100 });
    const first = await get();
    vault.tokens.revoke(first);
    const replaced = await Promise.all([tokens.replace(first, undefined), tokens.replace(first, undefined)]);
    expect(replaced[0]).toBe(replaced[1]);
    expect(vault.tokens.find(replaced[0] ?? '')).not.toBeNull();
    expect(await tokens.replace(first, undefined)).toBe(replaced[0]);
    expect(called()).toEqual(['approle/login', 'approle/login']);
  });

  test('outlives a Vault that is down while it is renewed', async () => {
    const { vault, get } = await startTokens(() => appRole, { ttlSeconds: 100 });
    const first = await get();
    vault.instead = () => sealed;
    vault.pass(95_000);
    expect(await get()).toBe(first);
    vault.pass(6000);
    expect(await thrownBy(get())).toMatchObject({ faultClass: 'transient', code: 'SEALED' });
    vault.instead = () => null;
    expect(await get()).not.toBe(first);
  });
});

describe('a token from the config', () => {
  async function startStatic(options: TokenOptions) {
    let token = '';
    const scene = await startTokens((vault) => {
      token = vault.tokens.issue(options);
      return { kind: 'token', token };
    });
    return { ...scene, token };
  }

  test('is renewed for as long as Vault allows, then stops the rotation in words', async () => {
    const { vault, token, get, called } = await startStatic({ ttlSeconds: 100, maxTtlSeconds: 150 });
    expect(await get()).toBe(token);
    vault.pass(95_000);
    expect(await get()).toBe(token);
    await vi.waitFor(() => expect(called()).toEqual(['token/lookup-self', 'token/renew-self']));
    await vi.waitFor(() => expect(vault.tokens.find(token)?.endsMs).toBe(150_000));
    vault.pass(54_000);
    expect(await get()).toBe(token);
    vault.pass(2000);
    const fault = await thrownBy(get());
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'TOKEN_EXPIRED', peer: 'kms' });
    expect(fault.message).toContain('kms.auth.token');
  });

  test('that may do nothing but rewrap is used as it is', async () => {
    const { token, tokens, get } = await startStatic({ ttlSeconds: 100, allow: /^transit\// });
    expect(await get()).toBe(token);
    expect(await tokens.replace(token, undefined)).toBeNull();
  });

  test('is looked up again, not taken for dead, where Vault is sealed meanwhile', async () => {
    const { vault, token, get } = await startStatic({ ttlSeconds: 100, renewable: false });
    expect(await get()).toBe(token);
    vault.instead = () => sealed;
    vault.pass(101_000);
    expect(await thrownBy(get())).toMatchObject({ faultClass: 'transient', code: 'SEALED' });
  });
});

describe('a call that is forbidden', () => {
  test('is made once more with a token of a new login', async () => {
    const { vault } = await startVault();
    const { service, makeItem } = await startVault({ endpoint: vault.url, auth: appRole });
    expect(await service.currentVersion('demo')).toBe('2');
    vault.tokens.revoke(String(vault.received.at(-1)?.headers['x-vault-token']));
    expect(await service.currentVersion('demo')).toBe('2');
    expect(vault.received.filter(({ path }) => path.endsWith('/login'))).toHaveLength(2);
    expect(await makeItem()).toMatchObject({ keyId: 'demo' });
  });

  test('by the new token too stops the rotation', async () => {
    const { vault } = await startVault({}, { loginToken: { ttlSeconds: 100, allow: /^auth\// } });
    const { service, makeItem } = await startVault({ endpoint: vault.url, auth: appRole });
    const fault = await thrownBy(service.reEncrypt([await makeItem()], never));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'PERMISSION_DENIED' });
    expect(fault.message).toContain('kms.auth.appRole');
    expect(vault.received.filter(({ path }) => path.endsWith('/login'))).toHaveLength(2);
    expect(vault.received.filter(({ path }) => path.includes('/rewrap/'))).toHaveLength(2);
  });

  test('with a token that was revoked says that it has run out', async () => {
    const { vault, service, makeItem } = await startVault();
    const item = await makeItem();
    await service.reEncrypt([item], never);
    vault.tokens.revoke(vault.rootToken);
    const fault = await thrownBy(service.reEncrypt([item], never));
    expect(fault).toMatchObject({ faultClass: 'rotation', code: 'TOKEN_EXPIRED' });
  });
});
