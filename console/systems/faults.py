"""What is wrong with a file: where, what, and what would be right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing wrong with a file. line: from 1. wrong: what is wrong; right: what would be right. Never holds a
    secret.
    """

    path: Path
    line: int
    wrong: str
    right: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.wrong}; {self.right}" if self.right else f"{self.where}: {self.wrong}"

    @property
    def where(self) -> str:
        """File and line, as editors and compilers write them."""
        return f"{self.path}:{self.line}"


class BrokenFile(Exception):
    """A file cannot be used. faults: everything that is wrong with it, by line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """The known word most like `word`, or None where none is near. likeness: how near at least, 0 to 1."""
    by_folded = {name.lower().replace("-", "_"): name for name in known}
    found = get_close_matches(word.lower().replace("-", "_"), by_folded, n=1, cutoff=likeness)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str], what: str) -> str:
    """The sentence that helps with an unknown word: the nearest known one, and all of them."""
    names = list(known)
    listed = ", ".join(f"`{name}`" for name in names) or "none"
    found = nearest(word, names)
    return f"did you mean `{found}`? {what}: {listed}" if found else f"{what}: {listed}"
