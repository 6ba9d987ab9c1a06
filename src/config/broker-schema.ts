import { z } from 'zod';
import type { BrokerConfig, HostPort, TlsFiles } from './keyturn-config.ts';
import { filePath, text, urlProblem } from './scalars.ts';

const serverSchemes = ['redis', 'rediss', 'postgres', 'postgresql'] as const;
const sentinelPort = 26_379;

interface Broker {
  readonly url?: string | undefined;
  readonly tls?: TlsFiles | undefined;
  readonly cluster?: readonly string[] | undefined;
  readonly sentinel?: { readonly name: string; readonly nodes: readonly HostPort[] } | undefined;
}

export function createBrokerSchema(directory: string) {
  const brokerUrl = z.string().superRefine((url, context) => {
    const problem = brokerUrlProblem(url);
    if (problem !== null) context.addIssue(problem);
  });
  const redisUrl = z.string().superRefine((url, context) => {
    const problem = urlProblem(url, ['redis', 'rediss']);
    if (problem !== null) context.addIssue(problem);
  });
  const path = filePath(directory).optional();
  const tls = z
    .strictObject({
      caFile: path.describe('PEM file of the certificate authority'),
      certFile: path.describe('PEM file of the client certificate'),
      keyFile: path.describe('PEM file of the client key'),
    })
    .refine((files) => (files.certFile === undefined) === (files.keyFile === undefined), {
      error: 'gives one of certFile and keyFile; give both or neither',
    })
    .transform(tlsFiles);

  const servers = z.strictObject({
    url: brokerUrl.optional().describe('redis://, rediss://, postgres:// or embedded:DIR'),
    tls: tls.optional().describe('Files for TLS; needs a rediss:// or postgres:// URL'),
    cluster: z.array(redisUrl).min(1).optional().describe('URLs of some nodes of a Redis Cluster'),
    sentinel: z
      .strictObject({
        name: text.describe('Name of the master'),
        nodes: z.array(sentinelNode).min(1).describe('host:port of each sentinel'),
      })
      .optional(),
  });
  return z
    .union([brokerUrl.transform((url, context) => toBroker({ url }, context)), servers.transform(toBroker)], {
      error: 'is no broker; give a URL, or an object with url, tls, cluster or sentinel',
    })
    .prefault('embedded:.keyturn')
    .describe(
      'redis:// or rediss://, postgres://, embedded:DIR (one process), or ' +
        'an object of url, tls, cluster, sentinel',
    );
}

const sentinelNode = text.transform((node, context): HostPort => {
  const url = node.includes('://') ? node : `redis://${node}`;
  if (urlProblem(url, ['redis', 'rediss']) === null) {
    const { hostname, port, username, password, pathname } = new URL(url);
    if (username + password + pathname === '') {
      // WHATWG URL §3.5: an IPv6 host stands in brackets, which a socket does not take.
      return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? sentinelPort : Number(port) };
    }
  }
  context.addIssue('is no address of a sentinel; write host:port');
  return z.NEVER;
});

function brokerUrlProblem(url: string): string | null {
  if (url.startsWith('embedded:')) {
    const directory = embeddedDirectory(url);
    return directory === '' || directory.startsWith('//') ? 'names no folder; write embedded:DIR' : null;
  }
  return serverSchemes.some((scheme) => url.startsWith(`${scheme}://`))
    ? urlProblem(url, serverSchemes)
    : 'is no broker; give redis://, rediss://, postgres:// or embedded:DIR';
}

function toBroker(broker: Broker, context: z.core.$RefinementCtx): BrokerConfig {
  const { url, cluster, sentinel } = broker;
  const schemes = [url, ...(cluster ?? [])].flatMap((server) => server?.split(':')[0] ?? []);
  const problem = combinationProblem(broker, schemes);
  if (problem !== null) {
    context.addIssue(problem);
    return z.NEVER;
  }
  const tls = broker.tls ?? null;
  if (url?.startsWith('embedded:')) return { kind: 'embedded', directory: embeddedDirectory(url) };
  if (url?.startsWith('postgres')) return { kind: 'postgres', url, tls };
  return {
    kind: 'redis',
    url: url ?? null,
    tls: tls ?? (schemes.includes('rediss') ? tlsFiles({}) : null),
    cluster: cluster ?? null,
    sentinel: sentinel ?? null,
  };
}

function combinationProblem(
  { url, tls, cluster, sentinel }: Broker,
  schemes: readonly string[],
): string | null {
  if (cluster !== undefined && sentinel !== undefined) return 'gives both cluster and sentinel; keep one';
  const isOneServer = cluster === undefined && sentinel === undefined;
  if (isOneServer && url === undefined) return 'names no server; give url, cluster or sentinel';
  if (!isOneServer && schemes.some((scheme) => !scheme.startsWith('redis'))) {
    return 'gives cluster or sentinel, which are of Redis; give a redis:// or rediss:// url';
  }
  if (new Set(schemes).size > 1) return 'mixes redis:// and rediss://; use one of them for all';
  if (tls !== undefined && schemes.includes('redis')) return 'gives tls for a redis:// url; write rediss://';
  if (tls !== undefined && schemes.includes('embedded')) {
    return 'gives tls, which an embedded broker has not; leave it out';
  }
  return null;
}

function embeddedDirectory(url: string): string {
  return url.slice('embedded:'.length);
}

function tlsFiles(files: { [File in keyof TlsFiles]?: string | undefined }): TlsFiles {
  return { caFile: files.caFile ?? null, certFile: files.certFile ?? null, keyFile: files.keyFile ?? null };
}
