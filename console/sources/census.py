"""Counting sessions: the key scheme as a SCAN pattern, the tally per tenant, and the pace of a walk."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

REMEMBERED = 131_072
MOST_TENANTS = 10_000
OTHERS = "(others)"
PAGE_SECONDS = 0.001


@dataclass(frozen=True, slots=True)
class KeyShape:
    """A session scheme as Redis and as we match it. glob: for `SCAN … MATCH`; tenant: its first group is the tenant."""

    glob: bytes
    tenant: re.Pattern[bytes]

    def tenant_of(self, key: bytes) -> bytes | None:
        """The tenant of a session's key; None for a key that is no session's."""
        found = self.tenant.fullmatch(key)
        return None if found is None else found["tenant"]


def key_shape(pattern: str) -> KeyShape:
    """The shape of `hakgal:tenant:{tenant}:session:{id}`.

    Everything but the two placeholders is literal, glob characters included. A tenant ends where the text behind its
    placeholder first occurs. Raises ValueError where a placeholder is missing or double.
    """
    parts = re.split(r"(\{tenant\}|\{id\})", pattern)
    if parts.count("{tenant}") != 1 or parts.count("{id}") != 1:
        raise ValueError(f"the session pattern {pattern!r} needs exactly one {{tenant}} and one {{id}}")
    glob = b"".join(b"*" if part in ("{tenant}", "{id}") else _literal(part) for part in parts)
    groups = {"{tenant}": b"(?P<tenant>.*?)", "{id}": b".*?"}
    expression = b"".join(groups.get(part, re.escape(part.encode())) for part in parts)
    return KeyShape(glob, re.compile(expression, re.DOTALL))


def _literal(text: str) -> bytes:
    r"""Text for a Redis glob: `*`, `?`, `[`, `]`, `^`, `-` and `\` stand for themselves behind a backslash."""
    return re.sub(rb"([*?\[\]\\^])", rb"\\\1", text.encode())


@dataclass(slots=True)
class Tally:
    """Sessions counted so far, in bounded memory.

    SCAN may give a key twice when the table shrinks in the middle of a walk, and then gives again the keys of the
    buckets it visited last. The hashes of the last `REMEMBERED` keys (at least half as many) are kept to see that: a
    walk of at most 65,536 sessions is exact whatever happens, and in a larger one only a key given again later than
    that could count twice. Tenants beyond `MOST_TENANTS` are counted together.
    """

    shape: KeyShape
    total: int = 0
    tenants: dict[bytes, int] = field(default_factory=dict)
    others: int = 0
    _newer: set[int] = field(default_factory=set)
    _older: set[int] = field(default_factory=set)

    def add(self, keys: list[bytes]) -> None:
        """Count the keys of one page."""
        newer, older = self._newer, self._older
        tenants, find = self.tenants, self.shape.tenant.fullmatch
        for key in keys:
            mark = hash(key)
            if mark in newer or mark in older:
                continue
            found = find(key)
            if found is None:
                continue
            newer.add(mark)
            self.total += 1
            tenant = found["tenant"]
            if tenant in tenants:
                tenants[tenant] += 1
            elif len(tenants) < MOST_TENANTS:
                tenants[tenant] = 1
            else:
                self.others += 1
        if len(newer) >= REMEMBERED // 2:
            self._older, self._newer = newer, set()

    def by_tenant(self) -> tuple[tuple[str, int], ...]:
        """(tenant, sessions), largest first, as text that is safe to show."""
        named = [(_shown(tenant), count) for tenant, count in self.tenants.items()]
        if self.others:
            named.append((OTHERS, self.others))
        return tuple(sorted(named, key=lambda entry: (-entry[1], entry[0])))


def _shown(tenant: bytes) -> str:
    text = tenant.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)


@dataclass(slots=True)
class Pace:
    """How many keys the next page asks for, so that the server is busy with it for about a millisecond at most.

    budget: keys per second; the first second's worth may go at once, so that an estimate is soon there.
    """

    budget: int
    count: int = 100
    asked: int = 0

    def learn(self, busy: float) -> None:
        """Take in for how many seconds the server was busy with the last page."""
        if busy > PAGE_SECONDS:
            self.count = max(10, int(self.count * max(0.25, 0.8 * PAGE_SECONDS / busy)))
        elif busy < PAGE_SECONDS * 0.6:
            self.count = min(self.count + self.count // 2 + 1, 10_000, max(10, self.budget // 10))

    def due(self, elapsed: float) -> float:
        """Seconds to wait before the next page; elapsed: seconds since the walk began."""
        return max(0.0, (self.asked - self.budget) / self.budget - elapsed)
