import { paceRule } from '../pace-rule.ts';

/**
 * The pace's commands: generic cell rate algorithm, by the server's clock. Redis runs a script alone and
 * whole, so no two takers get the same slot. Times are in milliseconds, rates in calls per second, and
 * `Infinity` is no limit. ARGV: the command, the caller's configured rate, arguments.
 */
export const paceLua = `
local pace, configured = KEYS[1], ARGV[2]

local function get(field) return redis.call('HGET', pace, field) end
local function set(field, value) redis.call('HSET', pace, field, value) end
local function decimal(value) return string.format('%.3f', value) end
local function toRate(text) return text == 'Infinity' and math.huge or tonumber(text) end
local function fromRate(rate) return rate == math.huge and 'Infinity' or string.format('%.17g', rate) end

local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000

local function getTime(field) return tonumber(get(field) or 0) end

-- A live rate holds as long as the caller's config names the rate that it replaced.
local function limit()
  return toRate(get('live_over') == configured and get('live') or configured)
end

-- What 429s have left of the limit, and quiet seconds have given back.
local function share()
  local left = get('share')
  if not left then return 1 end
  return math.min(1, left + ${paceRule.climbPerSecond} * math.max(0, now - getTime('quiet_since')) / 1000)
end

-- The arrival time of the next slot: all slots before it are given away.
local function dropCarryOver()
  if getTime('next_slot') > now + ${paceRule.carryOverMs} then
    set('next_slot', decimal(now + ${paceRule.carryOverMs}))
  end
end

local function noticeConfig()
  if get('configured') == configured then return end
  if now - getTime('configured_at') > ${paceRule.settledConfigMs} then dropCarryOver() end
  set('configured', configured)
  set('configured_at', decimal(now))
end

local commands = {}

function commands.take()
  local calls = ARGV[3]
  noticeConfig()
  local effective = limit() * share()
  local start, spacing = math.max(now, getTime('not_before')), 0
  if effective < math.huge then
    spacing = ${1000 * paceRule.reserve} / effective
    start = math.max(start, getTime('next_slot'))
    set('next_slot', decimal(start + calls * spacing))
  end
  return { decimal(start - now), string.format('%.17g', spacing), fromRate(effective) }
end

function commands.penalize()
  local retryAfterMs = ARGV[3]
  set('not_before', decimal(math.max(getTime('not_before'), now + retryAfterMs)))
  local left = share()
  if now - getTime('fell_at') >= ${paceRule.betweenFallsMs} then
    left = math.max(${paceRule.floor}, left * ${paceRule.fallTo})
    set('fell_at', decimal(now))
  end
  set('share', left)
  set('quiet_since', decimal(now))
end

function commands.setRate()
  local rate = ARGV[3]
  if toRate(rate) ~= limit() then dropCarryOver() end
  set('live', rate)
  set('live_over', configured)
end

function commands.rates()
  return { fromRate(limit()), fromRate(limit() * share()) }
end

return commands[ARGV[1]]()
`;
