import type { DataKeySpec } from '../rotation/ports/data-key-service.ts';
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
  /** `regenerate` makes each envelope a new data key, and so brings plaintext into the process. */
  readonly mode:
    { readonly kind: 'rewrap' } | { readonly kind: 'regenerate'; readonly dataKeySpec: DataKeySpec };
  /** The share, 0 to 1, of the written records that are read again and proven readable; 0 = none. */
  readonly verifyWrites: number;
  readonly limits: {
    /** KMS calls per second over all workers together; null = no limit. */
    readonly rate: number | null;
    /** What `rate` counts: each call as one, or as many as it has items. */
    readonly rateUnit: 'calls' | 'items';
    readonly concurrency: number;
    readonly batchSize: number;
    readonly backlog: number;
    readonly maxFailures: number;
  };
  readonly retry: { readonly attempts: number; readonly initialMs: number; readonly maxMs: number };
  /** How long a worker that is told to end may take to hand back what it has in work. */
  readonly shutdownTimeoutMs: number;
  /** Null: no metrics server. */
  readonly metrics: { readonly port: number; readonly host: string } | null;
  /** Null: no audit log. */
  readonly audit: string | null;
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

export type KmsConfig = YandexKmsConfig | VaultKmsConfig;

interface KmsConnection {
  /** Without a slash at the end. */
  readonly endpoint: string;
  readonly caFile: string | null;
  readonly timeoutMs: number;
}

export interface YandexKmsConfig extends KmsConnection {
  readonly provider: 'yandex';
  readonly auth: YandexAuthConfig;
}

export interface VaultKmsConfig extends KmsConnection {
  readonly provider: 'vault';
  /** Without slashes around it. */
  readonly mount: string;
  readonly namespace: string | null;
  readonly auth: VaultAuth;
}

export type VaultAuth =
  | { readonly kind: 'token'; readonly token: string }
  | {
      readonly kind: 'appRole';
      readonly roleIdFile: string;
      readonly secretIdFile: string;
      readonly mount: string;
    }
  | {
      readonly kind: 'kubernetes';
      readonly role: string;
      readonly tokenFile: string;
      readonly mount: string;
    };

export type YandexAuthConfig =
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

export type StoreConfig = PostgresStoreConfig | S3StoreConfig | ModuleStoreConfig;

export interface PostgresStoreConfig {
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
  /** Each swap notes the old value, for a rollback. */
  readonly journal: boolean;
}

export interface S3StoreConfig {
  readonly type: 's3';
  /** Null: AWS. */
  readonly endpoint: string | null;
  readonly region: string;
  readonly bucket: string;
  /** Of the objects' keys; empty for all. */
  readonly prefix: string;
  readonly suffix: string;
  /** The whole body, or the metadata field of this name (lower case, without `x-amz-meta-`). */
  readonly ciphertext: { readonly kind: 'body' } | { readonly kind: 'metadata'; readonly name: string };
  readonly caFile: string | null;
}

/** A store of the user's own. */
export interface ModuleStoreConfig {
  readonly type: 'module';
  /** A path that begins with `.` or `/`, or the name of a package. */
  readonly module: string;
  /** Where relative paths begin, and packages are looked for. */
  readonly directory: string;
  readonly options: unknown;
}

export const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];
