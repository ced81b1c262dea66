"""How a pod knows that an emergency bypass is in force: it looks itself, and what it cannot read is no bypass."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.asyncio import Redis

CEILING = 15 * 60.0
TRUSTED_FOR = 2.5  # seconds that one look at Redis may be relied on


class BypassWatch:
    """The bypass as one pod sees it: the record in Redis, or the variable the pod was started with.

    key: the Redis key of the record, JSON with `expires_at` (ISO time or seconds since the epoch) and `granted_at`.
    The record counts while Redis's own clock is before `expires_at`, the key itself expires, and neither is more than
    15 minutes away. The variable counts until `<variable>_EXPIRES_AT`, at most 15 minutes from the pod's creation.
    """

    def __init__(self, key: str, variable: str, env: Mapping[str, str], pod_created: datetime) -> None:
        self._key = key
        self._by_variable_until = _variable_until(variable, env, pod_created)
        self._by_record_until = 0.0
        self.record_id = ""

    @property
    def in_force(self) -> bool:
        """Whether guards and limits are off right now."""
        return time.monotonic() < self._by_record_until or time.time() < self._by_variable_until

    async def look(self, client: Redis) -> None:
        """Read the record; after a failed read there is none. Raises nothing of Redis's."""
        from redis.exceptions import RedisError

        began = time.monotonic()
        try:
            asked = client.pipeline(transaction=False)
            asked.get(self._key)
            asked.pttl(self._key)
            asked.time()
            raw, left, (seconds, micros) = await asked.execute()
        except (RedisError, OSError, TimeoutError):
            self._by_record_until = 0.0
            return
        allowed = allowed_for(raw, left / 1000, seconds + micros / 1e6)
        self.record_id = allowed[1]
        self._by_record_until = began + min(allowed[0], TRUSTED_FOR)


def allowed_for(raw: bytes | None, key_lives: float, now: float) -> tuple[float, str]:
    """For how many seconds from `now` a record allows the bypass, 0 for not at all; and its id.

    raw: the key's value. key_lives: seconds until the key expires, negative for never.
    now: Redis's clock, seconds since the epoch.
    """
    if raw is None or not 0 < key_lives <= CEILING:
        return 0.0, ""
    try:
        record: Any = json.loads(raw)
        expires, granted = _epoch(record["expires_at"]), _epoch(record["granted_at"])
        record_id = str(record.get("id", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        return 0.0, ""
    if granted > now or expires - granted > CEILING:
        return 0.0, ""
    return max(0.0, min(expires - now, key_lives)), record_id


def _variable_until(variable: str, env: Mapping[str, str], pod_created: datetime) -> float:
    if env.get(variable, "").strip().lower() != "true":
        return 0.0
    latest = (pod_created + timedelta(seconds=CEILING)).timestamp()
    told = env.get(f"{variable}_EXPIRES_AT")
    if told is None:
        return latest
    try:
        return min(latest, _epoch(told))
    except (ValueError, TypeError):
        return 0.0


def _epoch(told: object) -> float:
    if isinstance(told, (int, float)):
        return float(told)
    try:
        return float(str(told))
    except ValueError:
        moment = datetime.fromisoformat(str(told))
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
