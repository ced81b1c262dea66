"""Sessions in Redis, as the firewall keeps them: one key per session, a JSON context, an hour to live."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redis.asyncio import Redis

LIFETIME = 3600
TRAJECTORY = 10
TENANTS = ("acme", "globex", "initech")
WEIGHTS = (59, 37, 4)

Context = dict[str, Any]


def session_key(tenant: str, session: str) -> str:
    """The key of a session. Source: the chaos report's key schema."""
    return f"hakgal:tenant:{tenant}:session:{hashlib.sha256(session.encode()).hexdigest()[:16]}"


def new_session_id(tenant: str, chance: random.Random) -> str:
    """An id as clients hold it; it names the tenant it was given to."""
    return f"{tenant}.{chance.getrandbits(64):016x}"


def owner(session: str) -> str:
    """The tenant a session id was given to."""
    return session.partition(".")[0]


def fresh(tenant: str, now: float) -> Context:
    """The context of a session that begins at `now`, seconds since the epoch."""
    return {
        "tenant": tenant,
        "created_at": round(now, 3),
        "last_seen": round(now, 3),
        "tx_count_1h": 0,
        "request_count": 0,
        "trajectory": [],
    }


def used(context: Context, now: float, chance: random.Random) -> Context:
    """The context after one more request."""
    context["tx_count_1h"] += 1
    context["request_count"] += 1
    context["last_seen"] = round(now, 3)
    trajectory = context["trajectory"]
    trajectory.append([round(chance.uniform(-1, 1), 4) for _ in range(8)])
    del trajectory[:-TRAJECTORY]
    return context


def encode(context: Context) -> str:
    """The value kept under the key."""
    return json.dumps(context, separators=(",", ":"))


def decode(raw: bytes | str) -> Context:
    """The context from the value kept under the key. Raises ValueError where it is not one."""
    context = json.loads(raw)
    if not isinstance(context, dict) or "tx_count_1h" not in context:
        raise ValueError("not a session's context")
    return context


async def seed_sessions(client: Redis, count: int, now: float, chance: random.Random) -> list[str]:
    """Write the sessions of a service that has been running for hours: their remaining lives are spread over the hour.

    Returns their ids.
    """
    ids = []
    writes = client.pipeline(transaction=False)
    for _ in range(count):
        tenant = chance.choices(TENANTS, WEIGHTS)[0]
        session = new_session_id(tenant, chance)
        left = chance.randint(120, LIFETIME)
        context = fresh(tenant, now - (LIFETIME - left) - chance.uniform(0, 1800))
        for _ in range(chance.randint(1, TRAJECTORY)):
            used(context, now - (LIFETIME - left), chance)
        writes.set(session_key(tenant, session), encode(context), ex=left)
        ids.append(session)
    await writes.execute()
    return ids


async def recover(client: Redis, most: int) -> tuple[int, int]:
    """Read up to `most` sessions back, as a pod does that starts: how many could be read, how many could not."""
    keys: list[Any] = []
    cursor = 0
    while len(keys) < most:
        cursor, page = await client.scan(cursor, match="hakgal:tenant:*:session:*", count=200)
        keys += page
        if cursor == 0:
            break
    if not keys:
        return 0, 0
    return _readable(await client.mget(keys[:most]))


def _readable(values: Sequence[Any]) -> tuple[int, int]:
    good = bad = 0
    for value in values:
        if value is None:  # it expired between the two calls
            continue
        try:
            decode(value)
            good += 1
        except ValueError:
            bad += 1
    return good, bad
