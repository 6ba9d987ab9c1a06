/**
 * The ledger's steps that touch more than one table or follow one change by another. Each locks the
 * rotation's row (FOR UPDATE, or the UPDATE itself) before it reads or changes anything else and keeps it to
 * its end, so that they run one after another; under READ COMMITTED each later statement of a function sees
 * all that was committed before. States come as arguments, from rotation/state.ts.
 */
export const ledgerSql = `
CREATE OR REPLACE FUNCTION keyturn.begin_pass(
  p_rotation text, p_from text[], p_lost text, p_to text,
  p_epoch text, p_key_id text, p_version_id text, p_plan_digest text, p_estimate bigint
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
    plan_digest = p_plan_digest, estimate = p_estimate, enqueued = 0, batches = 0, settled_batches = 0,
    scanned = false, rotated = 0, skipped = 0, missing = 0, failed = 0, conflicts = 0, reason = NULL,
    pause_cause = NULL, started_at = clock_timestamp(), finished_at = NULL, "cursor" = NULL, staged = NULL
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
  p_rotation text, p_from text[], p_to text, p_finish_from text[], p_finish_to text
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  UPDATE keyturn.rotation SET state = p_to, reason = NULL, pause_cause = NULL
  WHERE name = p_rotation AND state = ANY (p_from);
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  PERFORM keyturn.finish_if_settled(p_rotation, p_finish_from, p_finish_to);
  RETURN true;
END $$;

-- References come as hexadecimal bytes.
CREATE OR REPLACE FUNCTION keyturn.settle(
  p_rotation text, p_epoch text, p_batch integer,
  p_rotated integer, p_skipped integer, p_missing integer, p_failed integer, p_conflicts integer,
  p_refs text[], p_details text[], p_finish_from text[], p_finish_to text
) RETURNS SETOF keyturn.snapshot LANGUAGE plpgsql AS $$
DECLARE
  staged_batches integer;
  batches_per_chunk CONSTANT integer := 4096;
  in_chunk CONSTANT integer := p_batch % batches_per_chunk;
BEGIN
  SELECT batches INTO staged_batches FROM keyturn.rotation
  WHERE name = p_rotation AND epoch = p_epoch FOR UPDATE;
  IF NOT FOUND THEN
    RETURN;
  END IF;
  -- A batch that was never staged is one that the broker has lost and that will be staged again.
  IF p_batch < staged_batches THEN
    INSERT INTO keyturn.settled VALUES
      (p_rotation, p_batch / batches_per_chunk, decode(repeat('00', batches_per_chunk / 8), 'hex'))
    ON CONFLICT DO NOTHING;
    UPDATE keyturn.settled SET bits = set_bit(bits, in_chunk, 1)
    WHERE rotation = p_rotation AND chunk = p_batch / batches_per_chunk AND get_bit(bits, in_chunk) = 0;
    IF FOUND THEN
      UPDATE keyturn.rotation SET
        settled_batches = settled_batches + 1, rotated = rotated + p_rotated, skipped = skipped + p_skipped,
        missing = missing + p_missing, failed = failed + p_failed, conflicts = conflicts + p_conflicts
      WHERE name = p_rotation;
      -- A reference named twice keeps its last failure, as no statement may change a row twice.
      INSERT INTO keyturn.failure (rotation, digest, ref, detail)
      SELECT DISTINCT ON (given.ref)
        p_rotation, sha256(decode(given.ref, 'hex')), decode(given.ref, 'hex'), given.detail
      FROM unnest(p_refs, p_details) WITH ORDINALITY AS given (ref, detail, place)
      ORDER BY given.ref, given.place DESC
      ON CONFLICT (rotation, digest) DO UPDATE SET detail = excluded.detail;
      PERFORM keyturn.finish_if_settled(p_rotation, p_finish_from, p_finish_to);
    END IF;
  END IF;
  RETURN QUERY SELECT * FROM keyturn.snapshot WHERE name = p_rotation;
END $$;
`;
