import { censusColumns, censusLivesMs } from '../census-row.ts';

/**
 * The commands of the census ledger, each one step for all others, as those of the ledger. All keys are
 * touched together and so end together.
 */
export const censusLedgerLua = `
-- The census; a bit for each settled batch; records by version.
local census, settled, versions = unpack(KEYS)

local function get(field) return redis.call('HGET', census, field) end
local function set(...) redis.call('HSET', census, ...) end

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function number(value) return string.format('%.0f', value) end

local function isCurrent(id) return get('id') == id end

local function touch()
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ${censusLivesMs}) end
end

local function snapshot()
  if not get('id') then return false end
  local row = redis.call('HMGET', census, ${censusColumns.map((column) => `'${column}'`).join(', ')})
  return { row, redis.call('HGETALL', versions) }
end

local commands = {}

function commands.snapshot() return snapshot() end

function commands.open()
  local id, keyId, versionId, planDigest, pass, deep = unpack(ARGV, 2, 7)
  local stands = get('closed') == '0' and get('key_id') == keyId and get('version_id') == versionId
    and get('plan_digest') == planDigest and get('pass') == pass
    and now() - get('started_at') < ${censusLivesMs}
  if not stands and not isCurrent(id) then
    redis.call('UNLINK', census, settled, versions)
    set('id', id, 'key_id', keyId, 'version_id', versionId, 'plan_digest', planDigest, 'pass', pass,
      'deep', deep, 'closed', 0, 'batches', 0, 'settled_batches', 0, 'scanned', 0,
      'started_at', number(now()))
  end
  touch()
  return snapshot()
end

function commands.position()
  return isCurrent(ARGV[2]) and redis.call('HMGET', census, 'cursor', 'scanned', 'batches', 'staged')
end

function commands.stage()
  local id, batch, json, refs, cursor = unpack(ARGV, 2, 6)
  if not isCurrent(id) then return 0 end
  local next = tonumber(get('batches'))
  -- The same batch again is a call repeated after a lost reply.
  if next == batch + 1 and get('staged') == json then return 1 end
  if next ~= tonumber(batch) or get('scanned') == '1' then return 0 end
  set('batches', next + 1, 'staged', json)
  redis.call('HINCRBY', census, 'enqueued', refs)
  if cursor then set('cursor', cursor) end
  touch()
  return 1
end

function commands.completeScan()
  if not isCurrent(ARGV[2]) then return 0 end
  if get('scanned') == '0' then set('scanned', 1, 'read_at', number(now())) end
  touch()
  return 1
end

function commands.settle()
  local id, batch = ARGV[2], ARGV[3]
  if not isCurrent(id) then return 0 end
  if tonumber(batch) < tonumber(get('batches')) and redis.call('SETBIT', settled, batch, 1) == 0 then
    redis.call('HINCRBY', census, 'settled_batches', 1)
    for i, field in ipairs({ 'records', 'unreadable', 'by_header', 'contradicted' }) do
      redis.call('HINCRBY', census, field, ARGV[3 + i])
    end
    for i = 8, #ARGV, 2 do redis.call('HINCRBY', versions, ARGV[i], ARGV[i + 1]) end
    set('read_at', number(now()))
    touch()
  end
  return 1
end

function commands.close()
  if isCurrent(ARGV[2]) then set('closed', 1) end
  return 1
end

return commands[ARGV[1]]()
`;
