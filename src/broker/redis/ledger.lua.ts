import { transitions } from '../../rotation/state.ts';
import { initialState, namedCounts, snapshotColumns, tooManyFailures } from '../ledger-row.ts';

/**
 * The ledger's commands. Redis runs a script alone and whole, so each command is one step for all others, and
 * takes its times from the server. ARGV: the command, then its arguments in the order of their `local` lines.
 */
export const ledgerLua = `
-- The ledger; a bit for each settled batch; failures by reference; the references in order; workers by id; how
-- many failures have which code.
local ledger, settled, failures, failureOrder, workers, failureCodes = unpack(KEYS)
-- rotation/state.ts, the one table of states.
local transitions = cjson.decode('${JSON.stringify(transitions)}')
local liveForMs = 5000

local function get(field) return redis.call('HGET', ledger, field) end
local function set(...) redis.call('HSET', ledger, ...) end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function number(value) return string.format('%.0f', value) end

local function may(event)
  local current = get('state') or '${initialState}'
  for _, from in ipairs(transitions[event].from) do
    if from == current then return true end
  end
  return false
end

local function isCurrent(epoch) return get('epoch') == epoch end

local function finishIfSettled()
  if may('finish') and get('scanned') == '1' and get('settled_batches') == get('batches') then
    set('state', transitions.finish.to, 'finished_at', number(now()))
  end
end

local function snapshot()
  return redis.call('HMGET', ledger, ${snapshotColumns.map((column) => `'${column}'`).join(', ')})
end

local function startPass(first)
  local epoch, keyId, versionId, planDigest, planParts, estimate = unpack(ARGV, first, first + 5)
  local pass = (get('pass') or 0) + 1
  redis.call('UNLINK', ledger, settled, failures, failureOrder, failureCodes)
  set('state', transitions.begin.to, 'epoch', epoch, 'pass', pass, 'key_id', keyId, 'version_id', versionId,
    'plan_digest', planDigest, 'plan_parts', planParts, 'estimate', estimate, 'batches', 0, 'settled_batches', 0, 'scanned', 0,
    'started_at', number(now()))
  return 1
end

-- Nothing is kept of why an earlier state was left.
local function move(event)
  if not may(event) then return 0 end
  set('state', transitions[event].to)
  redis.call('HDEL', ledger, 'reason', 'pause_cause', 'finished_at')
  return 1
end

-- Out of the text, as cjson does not take all of JSON; inside its strings every quote is escaped.
local function countCode(failure, by)
  local code = failure:match('"code":"([^"]*)"') or ''
  if redis.call('HINCRBY', failureCodes, code, by) <= 0 then redis.call('HDEL', failureCodes, code) end
end

-- True if it is no longer listed by this, and was.
local function unlistFailure(ref)
  local failure = redis.call('HGET', failures, ref)
  if not failure then return false end
  countCode(failure, -1)
  redis.call('HDEL', failures, ref)
  redis.call('ZREM', failureOrder, ref)
  return true
end

-- True if the reference was not listed before.
local function listFailure(ref, failure)
  local isNew = not unlistFailure(ref)
  countCode(failure, 1)
  redis.call('HSET', failures, ref, failure)
  redis.call('ZADD', failureOrder, 0, ref)
  return isNew
end

-- Adds pairs of a version and a count, from ARGV[first] to ARGV[last].
local function countSourceVersions(first, last)
  if last < first then return end
  local counts, named = cjson.decode(get('source_versions') or '{}'), 0
  for version in pairs(counts) do
    if version ~= 'other' then named = named + 1 end
  end
  for i = first, last, 2 do
    local version = ARGV[i]
    if not counts[version] then
      if named < ${namedCounts} then named = named + 1 else version = 'other' end
    end
    counts[version] = (counts[version] or 0) + ARGV[i + 1]
  end
  set('source_versions', cjson.encode(counts))
end

-- The same batch again is a call repeated after a lost reply.
local function isStaged(batch, json)
  return tonumber(get('batches')) == batch + 1 and get('staged') == json
end

local commands = {}

function commands.snapshot() return snapshot() end

function commands.begin()
  if isCurrent(ARGV[2]) then return 1 end
  return may('begin') and startPass(2) or 0
end

function commands.restart()
  local lost, epoch = ARGV[2], ARGV[3]
  if isCurrent(epoch) then return 1 end
  return isCurrent(lost) and may('restart') and startPass(3) or 0
end

function commands.position()
  local epoch = ARGV[2]
  if not isCurrent(epoch) then return false end
  local batches, staged = get('batches'), get('staged')
  if staged and redis.call('GETBIT', settled, batches - 1) == 1 then staged = false end
  return { get('cursor'), get('scanned'), batches, staged }
end

function commands.stage()
  local epoch, batch, json, refs, cursor = unpack(ARGV, 2, 6)
  if not isCurrent(epoch) then return 0 end
  if isStaged(batch, json) then return 1 end
  local next = tonumber(get('batches'))
  -- A pass takes batches as long as it can still be cancelled.
  if next ~= tonumber(batch) or not may('cancel') then return 0 end
  set('batches', next + 1, 'staged', json)
  redis.call('HINCRBY', ledger, 'enqueued', refs)
  if cursor then set('cursor', cursor) end
  return 1
end

function commands.putBack()
  local epoch, batch, json = unpack(ARGV, 2, 4)
  local firstRef = 5
  if not isCurrent(epoch) then return 0 end
  if isStaged(batch, json) then return 1 end
  local next = tonumber(get('batches'))
  if next ~= tonumber(batch) or not (may('cancel') or may('extend')) then return 0 end
  for i = firstRef, #ARGV do
    if redis.call('HEXISTS', failures, ARGV[i]) == 0 then return 0 end
  end
  for i = firstRef, #ARGV do
    if unlistFailure(ARGV[i]) then redis.call('HINCRBY', ledger, 'failed', -1) end
  end
  set('accepted_failures', math.min(get('accepted_failures') or 0, get('failed') or 0))
  move('extend')
  set('batches', next + 1, 'staged', json)
  return 1
end

function commands.completeScan()
  local epoch = ARGV[2]
  if not isCurrent(epoch) then return 0 end
  set('scanned', 1)
  finishIfSettled()
  return 1
end

function commands.extend()
  local epoch = ARGV[2]
  if not isCurrent(epoch) or move('extend') == 0 then return 0 end
  set('scanned', 0)
  return 1
end

function commands.settle()
  local epoch, batch = ARGV[2], ARGV[3]
  if not isCurrent(epoch) then return false end
  -- A batch that was never staged is one that the broker has lost and that will be staged again.
  if tonumber(batch) < tonumber(get('batches')) and redis.call('SETBIT', settled, batch, 1) == 0 then
    redis.call('HINCRBY', ledger, 'settled_batches', 1)
    for i, outcome in ipairs({ 'rotated', 'skipped', 'missing', 'conflicts' }) do
      redis.call('HINCRBY', ledger, outcome, ARGV[3 + i])
    end
    local firstVersion = 9
    local firstFailure = firstVersion + 2 * ARGV[8]
    countSourceVersions(firstVersion, firstFailure - 1)
    for i = firstFailure, #ARGV, 2 do
      local isNew = listFailure(ARGV[i], ARGV[i + 1])
      redis.call('HINCRBY', ledger, isNew and 'failed' or 'enqueued', isNew and 1 or -1)
    end
    finishIfSettled()
  end
  return snapshot()
end

function commands.pause()
  local cause, reason = ARGV[2], ARGV[3]
  if move('pause') == 0 then return 0 end
  set('pause_cause', cause, 'reason', reason)
  return 1
end

function commands.resume()
  local cause = get('pause_cause')
  if move('resume') == 0 then return 0 end
  if cause == '${tooManyFailures}' then set('accepted_failures', get('failed') or 0) end
  finishIfSettled()
  return 1
end

function commands.cancel() return move('cancel') end

function commands.failures()
  local limit, after = ARGV[2], ARGV[3]
  local found = {}
  local from = after and '(' .. after or '-'
  for i, ref in ipairs(redis.call('ZRANGEBYLEX', failureOrder, from, '+', 'LIMIT', 0, limit)) do
    found[i] = redis.call('HGET', failures, ref)
  end
  return found
end

function commands.failureCodes() return redis.call('HGETALL', failureCodes) end

-- Answers positions, from 0.
function commands.failedAmong()
  local found = {}
  for i = 2, #ARGV do
    if redis.call('HEXISTS', failures, ARGV[i]) == 1 then found[#found + 1] = i - 2 end
  end
  return found
end

function commands.report()
  local id, callsPerSecond, recordsPerSecond = ARGV[2], ARGV[3], ARGV[4]
  redis.call('HSET', workers, id, table.concat({ number(now()), callsPerSecond, recordsPerSecond }, ' '))
  return snapshot()
end

function commands.workers()
  local alive, calls, records = 0, 0, 0
  local entries, oldest = redis.call('HGETALL', workers), now() - liveForMs
  for i = 1, #entries, 2 do
    local seen, callsPerSecond, recordsPerSecond = entries[i + 1]:match('(%S+) (%S+) (%S+)')
    if tonumber(seen) < oldest then
      redis.call('HDEL', workers, entries[i])
    else
      alive, calls, records = alive + 1, calls + callsPerSecond, records + recordsPerSecond
    end
  end
  return { alive, tostring(calls), tostring(records) }
end

return commands[ARGV[1]]()
`;
