/**
 * The ledger's steps that touch more than one table or follow one change by another. Each locks the
 * rotation's row (FOR UPDATE, or the UPDATE itself) before it reads or changes anything else and keeps it to
 * its end, so that they run one after another; under READ COMMITTED each later statement of a function sees
 * all that was committed before. States come as arguments, from rotation/state.ts.
 */
export const ledgerSql = `
CREATE OR REPLACE FUNCTION keyturn.begin_pass(
  p_rotation text, p_from text[], p_lost text, p_to text,
  p_epoch text, p_key_id text, p_version_id text, p_plan_digest text, p_plan_parts text, p_estimate bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  before keyturn.rotation;
BEGIN
  INSERT INTO keyturn.rotation (name) VALUES (p_rotation) ON CONFLICT DO NOTHING;
  SELECT * INTO before FROM keyturn.rotation WHERE name = p_rotation FOR UPDATE;
  IF before.epoch = p_epoch THEN
    RETURN true;
  END IF;
  IF before.state <> ALL (p_from) OR (p_lost IS NOT NULL AND before.epoch IS DISTINCT FROM p_lost) THEN
    RETURN false;
  END IF;
  -- Updated, not replaced: whoever waits for the lock of a deleted row finds none.
  UPDATE keyturn.rotation SET
    state = p_to, epoch = p_epoch, pass = pass + 1, key_id = p_key_id, version_id = p_version_id,
    plan_digest = p_plan_digest, plan_parts = p_plan_parts, source_versions = '{}',
    estimate = p_estimate, enqueued = 0, batches = 0, settled_batches = 0, scanned = false,
    rotated = 0, skipped = 0, missing = 0, failed = 0, accepted_failures = 0, conflicts = 0,
    reason = NULL, pause_cause = NULL, started_at = clock_timestamp(), finished_at = NULL, "cursor" = NULL, staged = NULL
  WHERE name = p_rotation;
  DELETE FROM keyturn.settled WHERE rotation = p_rotation;
  DELETE FROM keyturn.failure WHERE rotation = p_rotation;
  DELETE FROM keyturn.worker
  WHERE rotation = p_rotation AND seen_at < clock_timestamp() - interval '1 minute';
  RETURN true;
END $$;

CREATE OR REPLACE FUNCTION keyturn.finish_if_settled(p_rotation text, p_finish_from text[], p_finish_to text)
RETURNS void LANGUAGE sql AS $$
  UPDATE keyturn.rotation SET state = p_finish_to, finished_at = clock_timestamp()
  WHERE name = p_rotation AND state = ANY (p_finish_from) AND scanned AND settled_batches = batches;
$$;

CREATE OR REPLACE FUNCTION keyturn.complete_scan(
  p_rotation text, p_epoch text, p_finish_from text[], p_finish_to text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE keyturn.rotation SET scanned = true WHERE name = p_rotation AND epoch = p_epoch;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM keyturn.finish_if_settled(p_rotation, p_finish_from, p_finish_to);
  RETURN true;
END $$;

CREATE OR REPLACE FUNCTION keyturn.resume(
  p_rotation text, p_from text[], p_to text, p_too_many_failures text, p_finish_from text[], p_finish_to text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE keyturn.rotation SET state = p_to, reason = NULL, pause_cause = NULL,
    accepted_failures = CASE WHEN pause_cause = p_too_many_failures THEN failed ELSE accepted_failures END
  WHERE name = p_rotation AND state = ANY (p_from);
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM keyturn.finish_if_settled(p_rotation, p_finish_from, p_finish_to);
  RETURN true;
END $$;

-- Takes failures out of the list and stages them as a batch. References come as hexadecimal bytes.
CREATE OR REPLACE FUNCTION keyturn.put_back(
  p_rotation text, p_epoch text, p_batch integer, p_staged text, p_refs text[],
  p_from text[], p_extend_from text[], p_extend_to text
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  before keyturn.rotation;
  digests CONSTANT bytea[] := ARRAY(SELECT sha256(decode(given, 'hex')) FROM unnest(p_refs) AS given);
BEGIN
  SELECT * INTO before FROM keyturn.rotation WHERE name = p_rotation AND epoch = p_epoch FOR UPDATE;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  -- The same batch again is a call repeated after a lost reply.
  IF before.batches = p_batch + 1 AND before.staged = p_staged THEN
    RETURN true;
  END IF;
  IF before.batches <> p_batch OR before.state <> ALL (p_from || p_extend_from) OR cardinality(digests) <>
    (SELECT count(*) FROM keyturn.failure WHERE rotation = p_rotation AND digest = ANY (digests))
  THEN
    RETURN false;
  END IF;
  DELETE FROM keyturn.failure WHERE rotation = p_rotation AND digest = ANY (digests);
  UPDATE keyturn.rotation SET
    state = CASE WHEN state = ANY (p_extend_from) THEN p_extend_to ELSE state END, finished_at = NULL,
    batches = p_batch + 1, staged = p_staged, failed = failed - cardinality(digests),
    accepted_failures = least(accepted_failures, failed - cardinality(digests))
  WHERE name = p_rotation;
  RETURN true;
END $$;

-- Adds to counts by name, of which so many are named; the rest is under 'other'.
CREATE OR REPLACE FUNCTION keyturn.add_counts(
  p_counts jsonb, p_names text[], p_added bigint[], p_named integer
) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
  counted text;
BEGIN
  FOR i IN 1 .. cardinality(p_names) LOOP
    counted := p_names[i];
    IF NOT p_counts ? counted
      AND (SELECT count(*) FROM jsonb_object_keys(p_counts) AS known WHERE known <> 'other') >= p_named
    THEN
      counted := 'other';
    END IF;
    p_counts := p_counts ||
      jsonb_build_object(counted, coalesce((p_counts ->> counted)::bigint, 0) + p_added[i]);
  END LOOP;
  RETURN p_counts;
END $$;

-- False if the batch was settled before.
CREATE OR REPLACE FUNCTION keyturn.mark_settled(p_rotation text, p_batch integer)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  batches_per_chunk CONSTANT integer := 4096;
  in_chunk CONSTANT integer := p_batch % batches_per_chunk;
BEGIN
  INSERT INTO keyturn.settled VALUES
    (p_rotation, p_batch / batches_per_chunk, decode(repeat('00', batches_per_chunk / 8), 'hex'))
  ON CONFLICT DO NOTHING;
  UPDATE keyturn.settled SET bits = set_bit(bits, in_chunk, 1)
  WHERE rotation = p_rotation AND chunk = p_batch / batches_per_chunk AND get_bit(bits, in_chunk) = 0;
  RETURN FOUND;
END $$;

-- References come as hexadecimal bytes.
CREATE OR REPLACE FUNCTION keyturn.settle(
  p_rotation text, p_epoch text, p_batch integer,
  p_rotated integer, p_skipped integer, p_missing integer, p_conflicts integer,
  p_versions text[], p_version_counts bigint[], p_named integer,
  p_refs text[], p_details text[], p_codes text[], p_finish_from text[], p_finish_to text
) RETURNS SETOF keyturn.snapshot LANGUAGE plpgsql AS $$
DECLARE
  staged_batches integer;
  new_failures integer;
BEGIN
  SELECT batches INTO staged_batches FROM keyturn.rotation
  WHERE name = p_rotation AND epoch = p_epoch FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  -- A batch that was never staged is one that the broker has lost and that will be staged again.
  IF p_batch < staged_batches THEN
    IF keyturn.mark_settled(p_rotation, p_batch) THEN
      -- A reference named twice keeps its last failure, as no statement may change a row twice.
      WITH listed AS (
        INSERT INTO keyturn.failure (rotation, digest, ref, detail, code)
        SELECT DISTINCT ON (given.ref)
          p_rotation, sha256(decode(given.ref, 'hex')), decode(given.ref, 'hex'), given.detail, given.code
        FROM unnest(p_refs, p_details, p_codes) WITH ORDINALITY AS given (ref, detail, code, place)
        ORDER BY given.ref, given.place DESC
        ON CONFLICT (rotation, digest) DO UPDATE SET detail = excluded.detail, code = excluded.code
        -- Of a row that was inserted, not updated.
        RETURNING xmax = 0 AS is_new
      )
      SELECT count(*) FILTER (WHERE is_new) INTO new_failures FROM listed;
      UPDATE keyturn.rotation SET
        settled_batches = settled_batches + 1, rotated = rotated + p_rotated, skipped = skipped + p_skipped,
        missing = missing + p_missing, failed = failed + new_failures, conflicts = conflicts + p_conflicts,
        enqueued = enqueued - (cardinality(p_refs) - new_failures),
        source_versions = keyturn.add_counts(source_versions, p_versions, p_version_counts, p_named)
      WHERE name = p_rotation;
      PERFORM keyturn.finish_if_settled(p_rotation, p_finish_from, p_finish_to);
    END IF;
  END IF;
  RETURN QUERY SELECT * FROM keyturn.snapshot WHERE name = p_rotation;
END $$;
`;
