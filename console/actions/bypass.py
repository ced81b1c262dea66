"""The emergency bypass: a record in Redis that expires by itself, whatever becomes of this process."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from console.actions.bypass_log import append_log, verify_log
from console.actions.bypass_store import ATTEMPTS, BypassRefused, BypassUncertain, Held, Store
from console.core.bypass import BypassError, Grant, decode, encode, in_force, reason_fault, shortened
from console.core.picture import BypassState
from console.core.system import BypassRule

if TYPE_CHECKING:
    from redis import Redis

__all__ = [
    "BypassRefused",
    "BypassUncertain",
    "append_log",
    "grant",
    "read",
    "revoke",
    "verify_log",
]

MOST_A_DAY = 3
SLACK = timedelta(seconds=2)


def read(client: Redis, rule: BypassRule, environment: str) -> BypassState:
    """What the store says, by its own clock. Raises BypassRefused where it does not answer.

    Whatever is odd about the record means that no bypass is in force, and is told in `warning`: a record that cannot be
    read, a key without an expiry, a record that promises more than the key's time to live, one of another environment.
    """
    store = Store(client, rule)
    held = store.held()
    today, odd_count = store.count(held.now)
    granted, remaining, warning = _judge(held, rule, environment)
    return BypassState(
        grant=granted,
        remaining=remaining,
        today=_a_day(rule) if odd_count else today,
        a_day=_a_day(rule),
        warning=warning or odd_count,
    )


def grant(
    client: Redis,
    rule: BypassRule,
    *,
    system: str,
    environment: str,
    reason: str,
    actor: str,
    host: str,
    length: timedelta,
    say: Callable[[str], None],
) -> Grant:
    """Grant a bypass of at most `length`, the rule's ceiling and 15 minutes, and read it back.

    The record and the day's count are set in one transaction that another granter's makes fail, so that of two at once
    one wins. Times are the store's: this machine's clock has no say. Raises BypassRefused, and BypassUncertain where
    the store stopped answering in the middle.
    """
    if fault := reason_fault(reason):
        raise BypassRefused(fault)
    try:
        seconds = int(shortened(length, rule.ceiling).total_seconds())
    except BypassError as error:
        raise BypassRefused(str(error)) from error
    store = Store(client, rule)
    store.check_is_primary()
    for _ in range(ATTEMPTS):
        with store.watching() as pipe:
            held = store.held(pipe)
            today, odd_count = store.count(held.now, pipe)
            _check_is_free(held, today, odd_count, rule, environment)
            granted = Grant(
                id=secrets.token_hex(8),
                system=system,
                environment=environment,
                reason=reason.strip(),
                actor=actor,
                host=host,
                granted_at=held.now,
                expires_at=held.now + timedelta(seconds=seconds),
            )
            record = _encoded(granted)
            say(f"{store.place} answers; {today} of {_a_day(rule)} granted today")
            if store.set(pipe, record, seconds, held.now):
                break
    else:
        raise BypassRefused(f"{store.place}: other consoles keep changing {rule.key}; look at it and try again")
    _verify(store, granted, record, seconds)
    say(f"key {rule.key} is set and read back; it expires by itself in {seconds} s")
    return granted


def revoke(client: Redis, rule: BypassRule, environment: str, grant_id: str | None) -> bool:
    """End the bypass now. True where it was open; False where it was gone already.

    grant_id: only that grant is ended; None ends whatever this environment's key holds. A record that cannot be read
    is ended in any case. Raises BypassRefused where another grant, or another environment's, is open, or the store does
    not answer.
    """
    store = Store(client, rule)
    for _ in range(ATTEMPTS):
        with store.watching() as pipe:
            raw = store.held(pipe).raw
            if raw is None:
                return False
            _check_is_this(raw, environment, grant_id)
            if store.delete(pipe) and store.held().raw != raw:
                return True
    raise BypassRefused(f"{store.place}: other consoles keep changing {rule.key}; look at it and try again")


def _a_day(rule: BypassRule) -> int:
    return min(rule.a_day, MOST_A_DAY)


def _encoded(granted: Grant) -> bytes:
    try:
        return encode(granted).encode()
    except BypassError as error:
        raise BypassRefused(str(error)) from error


def _judge(held: Held, rule: BypassRule, environment: str) -> tuple[Grant | None, timedelta, str]:
    """(the grant in force or None, how long it lasts, what is odd)."""
    none = timedelta(0)
    if held.raw is None:
        return None, none, ""
    what = f"key {rule.key} is there, but no bypass is in force"
    undo = "revoke it, for the workload may look at the key alone"
    try:
        granted = decode(held.raw.decode())
    except (BypassError, UnicodeDecodeError) as error:
        return None, none, f"{what}: {error}; {undo}"
    if held.ttl is None:
        return None, none, f"{what}: it would never expire; {undo}"
    if granted.environment != environment:
        return None, none, f"{what} here: it is {granted.environment}'s, so both share one Redis, which they must not"
    if not in_force(granted, held.now):
        return None, none, f"{what}: it ended at {granted.expires_at:%H:%M:%S}Z; {undo}"
    left = granted.expires_at - held.now
    if left > held.ttl + SLACK:
        return None, none, f"{what}: it promises {_clock(left)} and the key ends in {_clock(held.ttl)}; {undo}"
    warning = ""
    if held.ttl > left + SLACK:
        warning = f"key {rule.key} lives {_clock(held.ttl)}, longer than its record's {_clock(left)}; {undo}"
    return granted, min(left, held.ttl), warning


def _check_is_free(held: Held, today: int, odd_count: str, rule: BypassRule, environment: str) -> None:
    """Raises BypassRefused where one is open or none is left."""
    if held.raw is not None:
        granted, remaining, warning = _judge(held, rule, environment)
        if granted is None:
            raise BypassRefused(f"{warning}; then grant anew")
        raise BypassRefused(
            f'a bypass is open already: "{granted.reason}" by {granted.actor}@{granted.host}, '
            f"{_clock(remaining)} left; revoke it or wait"
        )
    if odd_count:
        raise BypassRefused(odd_count)
    if today >= _a_day(rule):
        raise BypassRefused(
            f"{today} of {_a_day(rule)} bypasses of {held.now:%Y-%m-%d} are used; the next is free at 00:00 UTC"
        )


def _check_is_this(raw: bytes, environment: str, grant_id: str | None) -> None:
    try:
        found = decode(raw.decode())
    except (BypassError, UnicodeDecodeError):
        return
    if found.environment != environment:
        raise BypassRefused(f"the bypass that is open is {found.environment}'s; revoke it there")
    if grant_id is not None and found.id != grant_id:
        raise BypassRefused(
            f'another bypass is open by now: "{found.reason}" by {found.actor}@{found.host}; look, then revoke that one'
        )


def _verify(store: Store, granted: Grant, record: bytes, seconds: int) -> None:
    """Read back what was set; take it back where it is not exactly that."""
    try:
        held = store.held()
    except BypassRefused as error:
        raise BypassUncertain(
            f"{error}; the bypass was set but could not be read back, and ends by itself "
            f"{seconds} s after {granted.granted_at:%H:%M:%S}Z at the latest"
        ) from error
    wrong = ""
    if held.raw is None:
        wrong = "it is not there"
    elif held.raw != record:
        wrong = "it is not what was written"
    elif held.ttl is None:
        wrong = "it would never expire"
    elif not timedelta(0) < held.ttl <= timedelta(seconds=seconds):
        wrong = f"it would expire in {_clock(held.ttl)} instead of {seconds} s"
    elif not in_force(granted, held.now):
        wrong = "the store's clock has jumped"
    if not wrong:
        return
    undone = store.remove_exactly(record)
    after = "it was taken back" if undone else f"it could not be taken back: delete key {store.key} by hand"
    raise BypassRefused(f"{store.place} does not hold the bypass as it was set: {wrong}; {after}")


def _clock(span: timedelta) -> str:
    """`12:41`."""
    seconds = max(0, int(span.total_seconds()))
    return f"{seconds // 60}:{seconds % 60:02}"
