"""Counting in Redis, for several workers and hosts: what `counters` does, in one round trip.

A script runs whole, and by the clock of Redis alone (Redis 7.0, 2026). The names of one caller
have a hash tag, so that they lie on one node of a cluster.
"""

import logging
from collections.abc import Sequence
from typing import Any

from limits.storage import RedisStorage

from llmwrap.auth.counters import Count, Settlement, Slot, Verdict, Window

log = logging.getLogger(__name__)

PREFIX = "llmwrap"

_COMMON = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local windows = tonumber(ARGV[1])

local function charge(key, amount, span)
  redis.call('INCRBY', key, amount)
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, span) end
end
"""

ADMIT = (
    _COMMON
    + """
-- KEYS: the windows, then the set of what runs, if a slot is wanted.
-- ARGV: how many windows; amount, span in ms and cost of each; most, holder, ms of the slot.
local admitted = 1
for i = 1, windows do
  local amount, cost = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i + 1])
  if tonumber(redis.call('GET', KEYS[i]) or 0) + cost > amount then admitted = 0 end
end

local running, last = KEYS[windows + 1], 3 * windows + 1
if running then
  redis.call('ZREMRANGEBYSCORE', running, '-inf', now)
  if redis.call('ZCARD', running) >= tonumber(ARGV[last + 1]) then admitted = 0 end
end

if admitted == 1 then
  for i = 1, windows do charge(KEYS[i], ARGV[3 * i + 1], ARGV[3 * i]) end
  if running then
    redis.call('ZADD', running, now + ARGV[last + 3], ARGV[last + 2])
    redis.call('PEXPIRE', running, ARGV[last + 3])
  end
end

local answer = {admitted, now}
for i = 1, windows do
  local left = redis.call('PTTL', KEYS[i])
  answer[#answer + 1] = tonumber(redis.call('GET', KEYS[i]) or 0)
  answer[#answer + 1] = left < 0 and tonumber(ARGV[3 * i]) or left
end
return answer
"""
)

SETTLE = (
    _COMMON
    + """
-- KEYS: as above. ARGV: how many windows; end in ms, span in ms and more of each; holder.
-- The place first: what fails below undoes nothing, and must not hold it.
if KEYS[windows + 1] then redis.call('ZREM', KEYS[windows + 1], ARGV[3 * windows + 2]) end

for i = 1, windows do
  local ends, span, more = tonumber(ARGV[3 * i - 1]), ARGV[3 * i], tonumber(ARGV[3 * i + 1])
  if more > 0 then
    charge(KEYS[i], ARGV[3 * i + 1], span)
  elseif more < 0 then  -- of nothing Lua would make -0, which is no integer to Redis
    -- A later window ends a whole span later; clocks of milliseconds differ by less.
    local left = redis.call('PTTL', KEYS[i])
    if left > 0 and math.abs(now + left - ends) < 500 then
      local total = tonumber(redis.call('GET', KEYS[i]))
      redis.call('DECRBY', KEYS[i], math.min(total, -more))
    end
  end
end
"""
)


class RedisCounters:
    """Counts in the Redis of `storage`; safe to share. Raises what the `redis` package does."""

    def __init__(self, storage: RedisStorage) -> None:
        connection = storage.get_connection()
        self._prefix = storage.key_prefix
        self._refusal: type[Exception] = storage.dependency.ResponseError
        self._admit = connection.register_script(ADMIT.encode())
        self._settle = connection.register_script(SETTLE.encode())

    def admit(self, windows: Sequence[Window], slot: Slot | None = None) -> Verdict:
        """Charge every window and take the slot, or change nothing."""
        arguments: list[Any] = [len(windows)]
        for window in windows:
            arguments += window.amount, window.span_s * 1000, window.cost
        if slot:
            arguments += slot.most, slot.holder, slot.ttl_s * 1000
        admitted, now, *told = self._admit(self._keys(windows, slot), arguments)
        counts = (
            Count(total, (now + left) / 1000, left / 1000)
            for total, left in zip(told[::2], told[1::2], strict=True)
        )
        return Verdict(bool(admitted), tuple(counts))

    def settle(
        self, settlements: Sequence[Settlement], slot: Slot | None = None
    ) -> None:
        """Correct what was charged, and give the slot back.

        What Redis hears and will not do is logged and forgotten: it would not do it later
        either, and that is no outage.
        """
        arguments: list[Any] = [len(settlements)]
        for each in settlements:
            arguments += round(each.ends * 1000), each.span_s * 1000, each.more
        if slot:
            arguments.append(slot.holder)
        try:
            self._settle(self._keys(settlements, slot), arguments)
        except self._refusal as error:
            log.warning("settlement_refused", extra={"error": str(error)[:200]})

    def _keys(
        self, windows: Sequence[Window | Settlement], slot: Slot | None
    ) -> list[str]:
        names = [each.key for each in windows] + ([slot.key] if slot else [])
        return [f"{self._prefix}:{name}" for name in names]
