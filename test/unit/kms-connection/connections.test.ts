import type { ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Fault } from '../../../src/rotation/faults.ts';
import { answerJson, loopbackCertificate, startRecordingServer } from '../../support/recording-server.ts';
import { connectYandex, never, someItem, startYandex, thrownBy } from '../../support/yandex-service.ts';

/** A bare TCP server; the test says what becomes of each connection. */
async function startTcpServer(onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    onConnection(socket);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  return port;
}

describe('a KMS that cannot be reached is a transient fault', () => {
  test('refused connection, also where a name has several addresses', async () => {
    const port = await freePort();
    for (const host of ['127.0.0.1', 'localhost']) {
      const fault = await thrownBy(connectYandex(`http://${host}:${port}`).reEncrypt([someItem], never));
      expect(fault).toMatchObject({ faultClass: 'transient', code: 'CONNECTION_REFUSED', peer: 'kms' });
      expect(fault.message).toContain(`http://${host}:${port}`);
    }
  });

  test('unknown host', async () => {
    const fault = await thrownBy(connectYandex('http://kms.invalid').reEncrypt([someItem], never));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'DNS_ERROR', peer: 'kms' });
  });

  test('connection cut before a reply', async () => {
    const port = await startTcpServer((socket) => socket.once('data', () => socket.destroy()));
    const fault = await thrownBy(connectYandex(`http://127.0.0.1:${port}`).reEncrypt([someItem], never));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'CONNECTION_RESET', peer: 'kms' });
  });

  test('connection reset before a reply', async () => {
    const port = await startTcpServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const fault = await thrownBy(connectYandex(`http://127.0.0.1:${port}`).reEncrypt([someItem], never));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'CONNECTION_RESET', peer: 'kms' });
  });

  test.each([{ 'content-length': '1000' }, { 'transfer-encoding': 'chunked' }])(
    'connection cut in the body of a success: %j',
    async (headers) => {
      const { service } = await startYandex((response) => {
        response.writeHead(200, headers);
        response.write('{"keyId":', () => response.destroy());
      });
      const fault = await thrownBy(service.reEncrypt([someItem], never));
      expect(fault).toMatchObject({ faultClass: 'transient', code: 'CONNECTION_RESET' });
    },
  );

  test('something that is not HTTP, of which nothing is kept', async () => {
    const port = await startTcpServer((socket) => socket.once('data', () => socket.end('220 canary\r\n')));
    const fault = await thrownBy(connectYandex(`http://127.0.0.1:${port}`).reEncrypt([someItem], never));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'BAD_REPLY' });
    expect(inspect(fault)).not.toContain('canary');
  });

  test('it works again as soon as the KMS is back', async () => {
    let down = true;
    const { service } = await startYandex((response) => {
      if (down) response.destroy();
      else answerJson(response, 200, { versionId: 'v' });
    });
    expect(await thrownBy(service.currentVersion('k'))).toMatchObject({ code: 'CONNECTION_RESET' });
    down = false;
    expect(await service.currentVersion('k')).toBe('v');
  });
});

test('where no reply comes, the fault names the id that all requests of a client carry', async () => {
  const { kms, service } = await startYandex(
    (response) => {
      if (kms.received.length === 1) response.destroy();
    },
    { timeoutMs: 100, concurrency: 1 },
  );
  const faults = [await thrownBy(service.currentVersion('k')), await thrownBy(service.currentVersion('k'))];
  const sent = kms.received.map(({ headers }) => headers['x-client-trace-id']);
  expect(faults).toMatchObject([
    { code: 'CONNECTION_RESET', requestId: sent[0] },
    { code: 'TIMEOUT', requestId: sent[0] },
  ]);
  expect(sent[1]).toBe(sent[0]);

  const other = await startYandex((response) => response.destroy());
  expect(await thrownBy(other.service.currentVersion('k'))).not.toMatchObject({ requestId: sent[0] });
});

describe('the timeout is over the whole call', () => {
  const timeoutMs = 100;

  async function expectTimeout(endpoint: string): Promise<void> {
    const startMs = performance.now();
    const fault = await thrownBy(connectYandex(endpoint, { timeoutMs }).reEncrypt([someItem], never));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'TIMEOUT', peer: 'kms' });
    const tookMs = performance.now() - startMs;
    expect(tookMs).toBeGreaterThan(timeoutMs - 5);
    // Undici's own timers are coarse to the second.
    expect(tookMs).toBeLessThan(timeoutMs + 800);
  }

  test('a connection that is never made', async () => {
    const port = await startTcpServer(() => {});
    await expectTimeout(`https://127.0.0.1:${port}`);
  });

  test('headers that never come', async () => {
    const port = await startTcpServer(() => {});
    await expectTimeout(`http://127.0.0.1:${port}`);
  });

  test.each([200, 503])('a body that never ends, a byte at a time, after HTTP %i', async (status) => {
    const kms = await startRecordingServer((response) => {
      response.writeHead(status);
      const timer = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(timer));
    });
    onTestFinished(() => kms.close());
    await expectTimeout(kms.url);
  });

  test('the connection of a call that timed out is not used again', async () => {
    const { kms, service } = await startYandex(
      (response) => {
        if (kms.received.length > 1) answerJson(response, 200, { versionId: 'v' });
      },
      { timeoutMs, concurrency: 1 },
    );
    expect(await thrownBy(service.currentVersion('k'))).toMatchObject({ code: 'TIMEOUT' });
    expect(await service.currentVersion('k')).toBe('v');
    expect(kms.connections()).toBe(2);
  });
});

describe('abort', () => {
  test('ends a call in flight at once and cuts its connection', async () => {
    let cut = false;
    const { kms, service } = await startYandex((response) => response.on('close', () => (cut = true)));
    const stop = new AbortController();
    const call = thrownBy(service.reEncrypt([someItem], stop.signal));
    await vi.waitFor(() => expect(kms.received).toHaveLength(1));
    stop.abort();
    expect(await call).toMatchObject({ faultClass: 'transient', code: 'ABORTED' });
    await vi.waitFor(() => expect(cut).toBe(true));
  });

  test('ends a call that is still connecting', async () => {
    const connected = vi.fn();
    const port = await startTcpServer(connected);
    const stop = new AbortController();
    const call = thrownBy(connectYandex(`https://127.0.0.1:${port}`).reEncrypt([someItem], stop.signal));
    await vi.waitFor(() => expect(connected).toHaveBeenCalled());
    stop.abort();
    expect(await call).toMatchObject({ faultClass: 'transient', code: 'ABORTED' });
  });

  test('sends nothing under a signal that is aborted already', async () => {
    const { kms, service } = await startYandex((response) => answerJson(response, 200, {}));
    const fault = await thrownBy(service.reEncrypt([someItem], AbortSignal.abort(new Error('other'))));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'ABORTED' });
    expect(kms.received).toEqual([]);
  });

  test('many calls share one signal without a warning of a leak', async () => {
    const warned = vi.fn();
    process.on('warning', warned);
    onTestFinished(() => void process.off('warning', warned));
    const { service } = await startYandex((response) => answerJson(response, 200, {}), { concurrency: 4 });
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 40 }, () => service.reEncrypt([someItem], signal)));
    expect(warned).not.toHaveBeenCalled();
  });

  test('close ends calls in flight, and later ones', async () => {
    const { kms, service } = await startYandex(() => {});
    const call = thrownBy(service.reEncrypt([someItem], never));
    await vi.waitFor(() => expect(kms.received).toHaveLength(1));
    await service.close();
    expect(await call).toMatchObject({ faultClass: 'transient', code: 'ABORTED' });
    expect(await thrownBy(service.currentVersion('k'))).toMatchObject({ code: 'ABORTED' });
  });
});

describe('the pool', () => {
  test('is as wide as the concurrency, no wider, and keeps its connections', async () => {
    const waiting: ServerResponse[] = [];
    const { kms, service } = await startYandex((response) => waiting.push(response), { concurrency: 3 });
    const calls = Promise.all(Array.from({ length: 5 }, () => service.reEncrypt([someItem], never)));
    await vi.waitFor(() => expect(waiting).toHaveLength(3));
    for (let answered = 0; answered < 5; answered += 1) {
      const response = await vi.waitUntil(() => waiting.shift());
      answerJson(response, 200, {});
    }
    await calls;
    expect(kms.connections()).toBe(3);
  });
});

async function startTlsKms(options: tls.TlsOptions = {}): Promise<string> {
  const kms = await startRecordingServer(
    (response) => answerJson(response, 200, { versionId: 'v' }),
    options,
  );
  onTestFinished(() => kms.close());
  return kms.url;
}

describe('TLS', () => {
  test('an authority of our own is trusted when it is given, and not otherwise', async () => {
    const url = await startTlsKms();
    expect(await connectYandex(url, { caPem: loopbackCertificate }).currentVersion('k')).toBe('v');
    const fault = await thrownBy(connectYandex(url).currentVersion('k'));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'TLS_ERROR', peer: 'kms' });
    expect(fault.message).toContain('kms.caFile');
  });

  test('a certificate for another host is refused', async () => {
    const url = (await startTlsKms()).replace('127.0.0.1', 'localhost');
    const fault = await thrownBy(connectYandex(url, { caPem: loopbackCertificate }).currentVersion('k'));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'TLS_ERROR' });
  });

  test('TLS 1.1 is refused even where Node would take it', async () => {
    const weak = { ciphers: 'DEFAULT@SECLEVEL=0', minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const;
    const url = await startTlsKms(weak);
    const before = { version: tls.DEFAULT_MIN_VERSION, ciphers: tls.DEFAULT_CIPHERS };
    onTestFinished(() => {
      tls.DEFAULT_MIN_VERSION = before.version;
      tls.DEFAULT_CIPHERS = before.ciphers;
    });
    tls.DEFAULT_MIN_VERSION = 'TLSv1';
    tls.DEFAULT_CIPHERS = weak.ciphers;
    const { port } = new URL(url);
    const protocol = await new Promise((resolve, reject) => {
      const socket = tls.connect({ host: '127.0.0.1', port: Number(port), ca: loopbackCertificate }, () => {
        resolve(socket.getProtocol());
        socket.destroy();
      });
      socket.on('error', reject);
    });
    expect(protocol).toBe('TLSv1.1');
    const fault = await thrownBy(connectYandex(url, { caPem: loopbackCertificate }).currentVersion('k'));
    expect(fault).toMatchObject({ faultClass: 'transient', code: 'TLS_ERROR' });
  });

  test.each(['', 'no PEM', loopbackCertificate.replace('MII', 'AII'), loopbackCertificate.slice(0, 200)])(
    'a CA file without a sound certificate is a usage fault: %#',
    (caPem) => {
      expect(() => connectYandex('https://127.0.0.1', { caPem })).toThrow(
        expect.objectContaining({ faultClass: 'usage', code: 'BAD_CA' }),
      );
    },
  );
});

describe('endpoint', () => {
  test.each([
    '',
    'kms.yandex',
    'ftp://kms.yandex',
    'https://u:hunter2@kms.yandex',
    'https://kms.yandex/?a=hunter2',
  ])('is a usage fault that does not repeat it: %j', (endpoint) => {
    let thrown: unknown;
    try {
      connectYandex(endpoint);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Fault);
    expect(thrown).toMatchObject({ faultClass: 'usage', code: 'BAD_ENDPOINT' });
    expect(String(thrown)).not.toContain('hunter2');
  });
});
