"""Which version of the app is the newest: the one that the faults of a release hit."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

_SERVED_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Reach:
    """What a fault can do to whoever asks. newest: it is the newest version. shared: the newest version takes traffic,
    so that what all versions share (a cache, a database) suffers with it.
    """

    newest: bool
    shared: bool


def version_of(image: str, name: str) -> str | None:
    """The tag of an image of the app `name`, None for any other image and for a tag without a number."""
    found = re.fullmatch(rf"(?:.*/)?{re.escape(name)}:(?P<version>[A-Za-z0-9_][\w.-]*)", image)
    return found["version"] if found and re.search(r"\d", found["version"]) else None


class Versions:
    """The versions an environment has run. first: the one it comes from, which no fault of a release hits.

    The newest stays the newest when its pods are gone: what a rollback returns to is well again.
    """

    def __init__(self, first: str) -> None:
        self._first = _numbers(first)
        self._newest = self._first
        self._served_at = float("-inf")

    def note(self, version: str) -> None:
        """This version runs now."""
        self._newest = max(self._newest, _numbers(version))

    def hit(self, version: str) -> bool:
        """Whether the faults of a release hit this version: it is the newest that ran, and not the first."""
        return self._first < _numbers(version) == self._newest

    def serves(self, version: str) -> None:
        """This version answers a request of a client now."""
        if self.hit(version):
            self._served_at = time.monotonic()

    def reach(self, version: str | None) -> Reach:
        """What faults can do to a version; None is for what belongs to the environment."""
        shared = time.monotonic() - self._served_at < _SERVED_WITHIN
        return Reach(shared if version is None else self.hit(version), shared)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:4])
