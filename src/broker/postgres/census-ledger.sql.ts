import { censusLivesMs } from '../census-row.ts';

/**
 * What the census ledger keeps, and its steps that touch more than one table. Each of these locks the row of
 * the census before it reads or changes anything else, so that they run one after another.
 */
export const censusLedgerSql = `
CREATE TABLE IF NOT EXISTS keyturn.census (
  rotation text PRIMARY KEY,
  id text,
  key_id text,
  version_id text,
  plan_digest text,
  pass text,
  deep boolean NOT NULL DEFAULT false,
  closed boolean NOT NULL DEFAULT false,
  enqueued bigint NOT NULL DEFAULT 0,
  batches integer NOT NULL DEFAULT 0,
  settled_batches integer NOT NULL DEFAULT 0,
  scanned boolean NOT NULL DEFAULT false,
  records bigint NOT NULL DEFAULT 0,
  unreadable bigint NOT NULL DEFAULT 0,
  by_header bigint NOT NULL DEFAULT 0,
  contradicted bigint NOT NULL DEFAULT 0,
  started_at timestamptz,
  read_at timestamptz,
  "cursor" text,
  staged text
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS keyturn.census_version (
  rotation text,
  version_id text,
  records bigint NOT NULL,
  PRIMARY KEY (rotation, version_id)
) WITH (fillfactor = 50);

CREATE OR REPLACE FUNCTION keyturn.open_census(
  p_rotation text, p_id text, p_key_id text, p_version_id text, p_plan_digest text, p_pass text,
  p_deep boolean
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  before keyturn.census;
BEGIN
  INSERT INTO keyturn.census (rotation) VALUES (p_rotation) ON CONFLICT DO NOTHING;
  SELECT * INTO before FROM keyturn.census WHERE rotation = p_rotation FOR UPDATE;
  -- In a row that holds no census yet all is NULL, which is not true.
  IF before.id = p_id OR (
    NOT before.closed AND before.key_id = p_key_id AND before.version_id = p_version_id
    AND before.plan_digest = p_plan_digest AND before.pass = p_pass
    AND before.started_at > clock_timestamp() - ${censusLivesMs} * interval '1 millisecond'
  ) THEN
    RETURN;
  END IF;
  UPDATE keyturn.census SET
    id = p_id, key_id = p_key_id, version_id = p_version_id, plan_digest = p_plan_digest, pass = p_pass,
    deep = p_deep, closed = false, enqueued = 0, batches = 0, settled_batches = 0, scanned = false,
    records = 0, unreadable = 0, by_header = 0, contradicted = 0, started_at = clock_timestamp(),
    read_at = NULL, "cursor" = NULL, staged = NULL
  WHERE rotation = p_rotation;
  DELETE FROM keyturn.settled WHERE rotation = p_rotation || '.census';
  DELETE FROM keyturn.census_version WHERE rotation = p_rotation;
END $$;

CREATE OR REPLACE FUNCTION keyturn.settle_census(
  p_rotation text, p_id text, p_batch integer,
  p_records integer, p_unreadable integer, p_by_header integer, p_contradicted integer,
  p_versions text[], p_counts integer[]
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  staged_batches integer;
BEGIN
  SELECT batches INTO staged_batches FROM keyturn.census
  WHERE rotation = p_rotation AND id = p_id FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  IF p_batch < staged_batches AND keyturn.mark_settled(p_rotation || '.census', p_batch) THEN
    UPDATE keyturn.census SET
      settled_batches = settled_batches + 1, records = records + p_records,
      unreadable = unreadable + p_unreadable, by_header = by_header + p_by_header,
      contradicted = contradicted + p_contradicted, read_at = clock_timestamp()
    WHERE rotation = p_rotation;
    -- Summed first, as no statement may change a row twice.
    INSERT INTO keyturn.census_version AS seen (rotation, version_id, records)
    SELECT p_rotation, given.version_id, sum(given.records)
    FROM unnest(p_versions, p_counts) AS given (version_id, records)
    GROUP BY given.version_id
    ON CONFLICT (rotation, version_id) DO UPDATE SET records = seen.records + excluded.records;
  END IF;
  RETURN true;
END $$;
`;
