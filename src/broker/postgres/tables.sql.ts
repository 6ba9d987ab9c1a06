import { initialState } from '../ledger-row.ts';

/**
 * The tables of all rotations of a database. Every statement may be repeated. The text runs as one simple
 * query and so in one transaction; the advisory lock is taken first and kept to its end, since two
 * `IF NOT EXISTS` at a time can still collide in the catalog.
 */
export const tablesSql = `
SELECT pg_advisory_xact_lock(hashtext('keyturn.migration'));

CREATE SCHEMA IF NOT EXISTS keyturn;

-- One row for each rotation. The fill factor leaves room to update it in place, as each batch does.
CREATE TABLE IF NOT EXISTS keyturn.rotation (
  name text PRIMARY KEY,
  state text NOT NULL DEFAULT '${initialState}',
  epoch text,
  pass integer NOT NULL DEFAULT 0,
  key_id text,
  version_id text,
  plan_digest text,
  estimate bigint NOT NULL DEFAULT 0,
  enqueued bigint NOT NULL DEFAULT 0,
  batches integer NOT NULL DEFAULT 0,
  settled_batches integer NOT NULL DEFAULT 0,
  scanned boolean NOT NULL DEFAULT false,
  rotated bigint NOT NULL DEFAULT 0,
  skipped bigint NOT NULL DEFAULT 0,
  missing bigint NOT NULL DEFAULT 0,
  failed bigint NOT NULL DEFAULT 0,
  conflicts bigint NOT NULL DEFAULT 0,
  reason text,
  pause_cause text,
  started_at timestamptz,
  finished_at timestamptz,
  -- JSON as text: jsonb and text refuse some characters that a reference may hold.
  "cursor" text,
  staged text
) WITH (fillfactor = 50);

ALTER TABLE keyturn.rotation
  -- JSON, as above.
  ADD COLUMN IF NOT EXISTS plan_parts text,
  ADD COLUMN IF NOT EXISTS source_versions jsonb NOT NULL DEFAULT '{}',
  ADD COLUMN IF NOT EXISTS accepted_failures bigint NOT NULL DEFAULT 0;

-- What a snapshot shows: times in milliseconds, without the staged batch, which is large.
CREATE OR REPLACE VIEW keyturn.snapshot AS
SELECT name, state, epoch, pass, key_id, version_id, plan_digest, estimate, enqueued, batches,
  settled_batches, scanned::integer, rotated, skipped, missing, failed, conflicts, reason, pause_cause,
  (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
  (extract(epoch FROM finished_at) * 1000)::bigint AS finished_at,
  plan_parts, source_versions::text, accepted_failures
FROM keyturn.rotation;

-- One bit for each settled batch, 4096 to a row. No rotation's name holds a dot: a census is <rotation>.census.
CREATE TABLE IF NOT EXISTS keyturn.settled (
  rotation text,
  chunk integer,
  bits bytea NOT NULL,
  PRIMARY KEY (rotation, chunk)
) WITH (fillfactor = 50);

-- References as bytes: every character is allowed, ordered as Redis orders them. The key is their digest,
-- since an index takes no long ones.
CREATE TABLE IF NOT EXISTS keyturn.failure (
  rotation text,
  digest bytea,
  ref bytea NOT NULL,
  detail text NOT NULL,
  PRIMARY KEY (rotation, digest)
);

-- An older keyturn kept the code in the detail alone; inside the strings of JSON every quote is escaped.
ALTER TABLE keyturn.failure ADD COLUMN IF NOT EXISTS code text NOT NULL DEFAULT '';
UPDATE keyturn.failure SET code = coalesce(substring(detail FROM '"code":"([^"]*)"'), '') WHERE code = '';

CREATE TABLE IF NOT EXISTS keyturn.worker (
  rotation text,
  id text,
  seen_at timestamptz NOT NULL,
  calls_per_second float8 NOT NULL,
  records_per_second float8 NOT NULL,
  PRIMARY KEY (rotation, id)
);

-- Times in milliseconds since 1970 by the server's clock, rates in calls per second; Infinity is no limit.
CREATE TABLE IF NOT EXISTS keyturn.pace (
  rotation text PRIMARY KEY,
  next_slot float8 NOT NULL DEFAULT 0,
  not_before float8 NOT NULL DEFAULT 0,
  live float8,
  live_over float8,
  share float8 NOT NULL DEFAULT 1,
  quiet_since float8 NOT NULL DEFAULT 0,
  fell_at float8 NOT NULL DEFAULT 0,
  configured float8,
  configured_at float8 NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
`;
