import { paceRule } from '../pace-rule.ts';

/**
 * The pace's steps: generic cell rate algorithm, by the server's clock. Each locks the rotation's row of
 * keyturn.pace first and keeps it to its end, and reads the clock only then, so that no two takers get the
 * same slot. Times are in milliseconds, rates in calls per second, and Infinity is no limit.
 */
export const paceSql = `
CREATE OR REPLACE FUNCTION keyturn.lock_pace(p_rotation text) RETURNS keyturn.pace LANGUAGE plpgsql AS $$
DECLARE
  kept keyturn.pace;
BEGIN
  SELECT * INTO kept FROM keyturn.pace WHERE rotation = p_rotation FOR UPDATE;
  IF NOT FOUND THEN
    INSERT INTO keyturn.pace (rotation) VALUES (p_rotation) ON CONFLICT DO NOTHING;
    SELECT * INTO kept FROM keyturn.pace WHERE rotation = p_rotation FOR UPDATE;
  END IF;
  RETURN kept;
END $$;

CREATE OR REPLACE FUNCTION keyturn.pace_now() RETURNS float8 LANGUAGE sql VOLATILE AS $$
  SELECT extract(epoch FROM clock_timestamp())::float8 * 1000;
$$;

-- A live rate holds as long as the caller's config names the rate that it replaced.
CREATE OR REPLACE FUNCTION keyturn.pace_limit(kept keyturn.pace, p_configured float8)
RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT CASE WHEN kept.live_over = p_configured THEN kept.live ELSE p_configured END;
$$;

-- What 429s have left of the limit, and quiet seconds have given back.
CREATE OR REPLACE FUNCTION keyturn.pace_share(kept keyturn.pace, p_now float8)
RETURNS float8 LANGUAGE sql IMMUTABLE AS $$
  SELECT least(1, kept.share + ${paceRule.climbPerSecond} * greatest(0, p_now - kept.quiet_since) / 1000);
$$;

CREATE OR REPLACE FUNCTION keyturn.pace_take(p_rotation text, p_configured float8, p_calls integer,
  OUT delay float8, OUT spacing float8, OUT effective float8) LANGUAGE plpgsql AS $$
DECLARE
  kept keyturn.pace := keyturn.lock_pace(p_rotation);
  moment float8 := keyturn.pace_now();
  start float8 := greatest(moment, kept.not_before);
BEGIN
  -- What a crash of the server loses of it is a fraction of a second of slots.
  PERFORM set_config('synchronous_commit', 'off', true);
  IF kept.configured IS DISTINCT FROM p_configured THEN
    IF moment - kept.configured_at > ${paceRule.settledConfigMs} THEN
      kept.next_slot := least(kept.next_slot, moment + ${paceRule.carryOverMs});
    END IF;
    kept.configured := p_configured;
    kept.configured_at := moment;
  END IF;
  effective := keyturn.pace_limit(kept, p_configured) * keyturn.pace_share(kept, moment);
  spacing := 0;
  IF effective < 'Infinity' THEN
    spacing := ${1000 * paceRule.reserve} / effective;
    start := greatest(start, kept.next_slot);
    kept.next_slot := start + p_calls * spacing;
  END IF;
  UPDATE keyturn.pace SET next_slot = kept.next_slot, configured = kept.configured,
    configured_at = kept.configured_at WHERE rotation = p_rotation;
  delay := start - moment;
END $$;

CREATE OR REPLACE FUNCTION keyturn.pace_penalize(p_rotation text, p_retry_after_ms float8)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  kept keyturn.pace := keyturn.lock_pace(p_rotation);
  moment float8 := keyturn.pace_now();
  left_over float8 := keyturn.pace_share(kept, moment);
BEGIN
  IF moment - kept.fell_at >= ${paceRule.betweenFallsMs} THEN
    left_over := greatest(${paceRule.floor}, left_over * ${paceRule.fallTo});
    kept.fell_at := moment;
  END IF;
  UPDATE keyturn.pace SET not_before = greatest(kept.not_before, moment + p_retry_after_ms),
    share = left_over, quiet_since = moment, fell_at = kept.fell_at WHERE rotation = p_rotation;
END $$;

CREATE OR REPLACE FUNCTION keyturn.pace_set_rate(p_rotation text, p_configured float8, p_rate float8)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  kept keyturn.pace := keyturn.lock_pace(p_rotation);
BEGIN
  IF p_rate <> keyturn.pace_limit(kept, p_configured) THEN
    kept.next_slot := least(kept.next_slot, keyturn.pace_now() + ${paceRule.carryOverMs});
  END IF;
  UPDATE keyturn.pace SET next_slot = kept.next_slot, live = p_rate, live_over = p_configured
  WHERE rotation = p_rotation;
END $$;

CREATE OR REPLACE FUNCTION keyturn.pace_rates(p_rotation text, p_configured float8,
  OUT configured float8, OUT effective float8) LANGUAGE plpgsql AS $$
DECLARE
  kept keyturn.pace;
BEGIN
  SELECT * INTO kept FROM keyturn.pace WHERE rotation = p_rotation;
  configured := p_configured;
  effective := p_configured;
  IF FOUND THEN
    configured := keyturn.pace_limit(kept, p_configured);
    effective := configured * keyturn.pace_share(kept, keyturn.pace_now());
  END IF;
END $$;
`;
