import { createHash } from 'node:crypto';
import { canonicalJson } from '../rotation/canonical-json.ts';
import type { PlanParts } from '../rotation/plan-parts.ts';
import { isRecord } from './is-record.ts';
import type { KeyturnConfig, PostgresStoreConfig, StoreConfig } from './keyturn-config.ts';

/**
 * `sha256:` and the hex digest of what must stay the same within a pass: rotation, keys, AAD, store and
 * format. Credentials, limits and the ways to reach KMS and broker may change.
 */
export function planDigest(config: KeyturnConfig): string {
  return `sha256:${digest({ rotation: config.rotation, ...planOf(config) })}`;
}

/** The digest of each part of the plan, so that a difference can be named. */
export function planParts(config: KeyturnConfig): PlanParts {
  const { source, target, store, format, mode } = planOf(config);
  const { versionId, ...targetKey } = target;
  const parts = { source, target: targetKey, 'target.versionId': versionId, store, format, mode };
  return Object.fromEntries(Object.entries(parts).map(([name, part]) => [name, digest(part)]));
}

function planOf({ source, target, store, format, mode }: KeyturnConfig) {
  return {
    // No template and the empty one are the same AAD.
    source: { ...source, aadContext: source.aadContext ?? '' },
    target: { ...target, aadContext: target.aadContext ?? '' },
    store: withoutCredentials(store),
    format,
    // Left out where it is what it was before there were modes.
    mode: mode.kind === 'rewrap' ? null : mode,
  };
}

function digest(value: unknown): string {
  return createHash('sha256')
    .update(canonicalJson(withoutNulls(value)))
    .digest('hex');
}

function withoutCredentials(store: StoreConfig): Record<string, unknown> {
  switch (store.type) {
    case 'postgres':
      return describeTable(store);
    case 's3': {
      const { caFile: _, ...place } = store;
      return place;
    }
    case 'module': {
      // Its options may hold credentials or name the place of the records: nobody but the module knows.
      const { directory: _, ...place } = store;
      return place;
    }
  }
}

function describeTable({ url, journal, ...store }: PostgresStoreConfig): Record<string, unknown> {
  const { hostname, port, pathname, searchParams } = new URL(url);
  return {
    ...store,
    // A worker without it among others that have it would make swaps that no rollback knows.
    journal: journal ? true : null,
    // As pg reads it: a host or port in the query wins, which is how a socket directory is named.
    host: searchParams.get('host') ?? hostname,
    port: searchParams.get('port') ?? (port === '' ? '5432' : port),
    database: decodeURIComponent(pathname.slice(1)),
  };
}

/** A part that is null counts like one that is not there. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  const members = Object.entries(value).filter(([, member]) => member !== null);
  return Object.fromEntries(members.map(([name, member]) => [name, withoutNulls(member)]));
}
