import type { FormatSpec } from '../rotation/formats/format.ts';

/**
 * A config as the program uses it: checked, defaults filled in,
 * durations in milliseconds, file paths absolute.
 */
export interface KeyturnConfig {
  readonly rotation: string;
  readonly broker: BrokerConfig;
  readonly kms: KmsConfig;
  readonly source: { readonly keyId: string; readonly aadContext: string | null };
  readonly target: {
    readonly keyId: string;
    /** Null: the key's primary version when the rotation begins. */
    readonly versionId: string | null;
    readonly aadContext: string | null;
  };
  readonly store: StoreConfig;
  readonly format: FormatSpec;
  readonly limits: {
    /** KMS calls per second over all workers together; null = no limit. */
    readonly rate: number | null;
    readonly concurrency: number;
    readonly batchSize: number;
    readonly backlog: number;
    readonly maxFailures: number;
  };
  readonly retry: { readonly attempts: number; readonly initialMs: number; readonly maxMs: number };
  /** Null: no metrics server. */
  readonly metrics: { readonly port: number; readonly host: string } | null;
  readonly log: { readonly level: LogLevel };
}

export type BrokerConfig = RedisConfig | PostgresBrokerConfig | EmbeddedConfig;

export interface RedisConfig {
  readonly kind: 'redis';
  /**
   * Null only where `cluster` or `sentinel` names the servers;
   * beside them it holds user, password and database.
   */
  readonly url: string | null;
  /** Null: no TLS. Always set with a rediss:// URL. */
  readonly tls: TlsFiles | null;
  readonly cluster: readonly string[] | null;
  readonly sentinel: { readonly name: string; readonly nodes: readonly HostPort[] } | null;
}

export interface PostgresBrokerConfig {
  readonly kind: 'postgres';
  readonly url: string;
  /** Null: as the URL says. */
  readonly tls: TlsFiles | null;
}

export interface EmbeddedConfig {
  readonly kind: 'embedded';
  /** As given: relative to the current directory. */
  readonly directory: string;
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export interface TlsFiles {
  readonly caFile: string | null;
  /** Set exactly when `keyFile` is. */
  readonly certFile: string | null;
  readonly keyFile: string | null;
}

export interface KmsConfig {
  readonly provider: 'yandex';
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly auth: KmsAuth;
  readonly caFile: string | null;
  readonly timeoutMs: number;
}

export type KmsAuth =
  | { readonly kind: 'iamToken'; readonly iamToken: string }
  | { readonly kind: 'serviceAccountKey'; readonly keyFile: string; readonly iamEndpoint: string }
  | { readonly kind: 'metadata'; readonly metadataEndpoint: string }
  | {
      readonly kind: 'workloadIdentity';
      readonly tokenFile: string;
      readonly serviceAccountId: string;
      /** The full URL of the token exchange. */
      readonly endpoint: string;
    };

export interface StoreConfig {
  readonly type: 'postgres';
  readonly url: string;
  /** A name as SQL has it, quoted parts included. */
  readonly table: string;
  /** Column names exactly as in the catalog, as are the two below. */
  readonly key: readonly string[];
  readonly column: string;
  /** An SQL condition. */
  readonly where: string | null;
  readonly versionColumn: string | null;
}

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
