import { Agent } from 'undici';
import { onTestFinished } from 'vitest';
import { startEmulator, type Emulator, type EmulatorOptions } from '../../src/kms/emulator/server.ts';

export interface EmulatorReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  /** Undefined if the body is not JSON. */
  readonly json: unknown;
}

/** An emulator with the keys `key-1` and `key-2`, closed with the test, and a client with its token. */
export async function startTestEmulator(
  options: Partial<EmulatorOptions> = {},
): Promise<{ emulator: Emulator; client: EmulatorClient }> {
  const emulator = await startEmulator({ port: 0, keys: ['key-1', 'key-2'], ...options });
  onTestFinished(() => emulator.close());
  return { emulator, client: emulatorClient(emulator) };
}

/** The primary version of a key, now. */
export function primaryOf(emulator: Emulator, keyId: string): string {
  return emulator.keys.find((key) => key.keyId === keyId)?.primaryVersionId ?? '';
}

/** Speaks plain HTTP to an emulator, so that tests see what any client would see. */
export interface EmulatorClient {
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<EmulatorReply>;
  get(path: string, headers?: Record<string, string>): Promise<EmulatorReply>;
  send(
    method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE',
    path: string,
    body: string,
    headers?: Record<string, string>,
  ): Promise<EmulatorReply>;
}

export function emulatorClient({ endpoint, token }: Pick<Emulator, 'endpoint' | 'token'>): EmulatorClient {
  const agent = new Agent();
  onTestFinished(() => agent.destroy());
  const client: EmulatorClient = {
    post: (path, body, headers) => client.send('POST', path, JSON.stringify(body), headers),
    get: (path, headers) => client.send('GET', path, '', headers),
    async send(method, path, body, headers) {
      const response = await agent.request({
        origin: endpoint,
        path,
        method,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
        body: method === 'GET' ? null : body,
      });
      const text = await response.body.text();
      return { status: response.statusCode, headers: response.headers, text, json: parseJson(text) };
    },
  };
  return client;
}

/** A string of a reply, by its path ("response.primaryVersion.id"); throws if it is none. */
export function textAt(reply: EmulatorReply, path: string): string {
  let value = reply.json;
  for (const name of path.split('.')) {
    value =
      typeof value === 'object' && value !== null
        ? Object.entries(value).find(([key]) => key === name)?.[1]
        : undefined;
  }
  if (typeof value !== 'string') throw new Error(`no ${path} in ${reply.status} ${reply.text}`);
  return value;
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
