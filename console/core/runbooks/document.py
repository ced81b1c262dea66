"""A Markdown runbook as read: its text unchanged, its steps found."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum
from pathlib import Path


class StepKind(Enum):
    """COMMAND: a shell block. CHECK: a checklist item. NOTE: a fenced block that is shown and never run."""

    COMMAND = "command"
    CHECK = "check"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Options:
    """What a fence says of itself, in Runme's words and in ours; each as it stands where nothing is said.

    name: to refer to it. interactive: it needs the real terminal. background: it goes on while later steps run. cwd:
    relative to the runbook's folder. excluded: not part of "run all". prompt_env: `auto`, `yes` or `no`. tags: of tag
    and category. interpreter: another program than bash. skip_prompts: `export NAME=value` lines ask nothing.
    Own: timeout; expect: text, or /pattern/, that its output must hold; check: a command that must succeed after it in
    the same shell (`assert` in the file); target: what a person types before it runs; retry: how often it is tried
    again when it fails.
    Source of the first ten: Runme's cell attributes.
    """

    name: str = ""
    interactive: bool = False
    background: bool = False
    cwd: str = ""
    excluded: bool = False
    prompt_env: str = "auto"
    tags: tuple[str, ...] = ()
    interpreter: str = ""
    skip_prompts: bool = False
    timeout: timedelta | None = None
    expect: str = ""
    check: str = ""
    target: str = ""
    retry: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with the file, and where. line: from 1."""

    line: int
    what: str


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do, or to look at.

    number: from 1, in the file's order. line, end: its first and last line in the file, from 1. path: the headings
    above it. title: one short line that says what it is. language: the fence's word, lower case; empty for a check.
    written: the block exactly as the file has it (a check: the item's text). text: what a shell would be given, prompts
    and printed output taken out, placeholders still in. runnable: whether it is a command at all; why_not: the reason
    where it is not. Whether bash can read it is not known yet: see `walkthrough.sound`.
    expected: output that the file says to expect, else empty. ticked: a checklist item that the file has ticked.
    owner: the number of the checklist item that this block belongs to. choice: the alternatives it is one of
    (`Option 1`), else empty; group: the number of the first step of that set of alternatives, else None.
    """

    number: int
    line: int
    end: int
    kind: StepKind
    path: tuple[str, ...]
    title: str
    language: str
    written: str
    text: str
    runnable: bool
    why_not: str = ""
    options: Options = field(default_factory=Options)
    expected: str = ""
    ticked: bool = False
    owner: int | None = None
    choice: str = ""
    group: int | None = None


@dataclass(frozen=True, slots=True)
class Runbook:
    """A Markdown file as read. source: its text, unchanged. digest: SHA-256 of the file's bytes. options: what its
    front matter says for every step. faults: what is wrong with the file; it can be used all the same.
    """

    path: Path
    title: str
    source: str
    digest: str
    steps: tuple[Step, ...]
    options: Options = field(default_factory=Options)
    faults: tuple[Fault, ...] = ()

    def __hash__(self) -> int:
        # It is a key of caches, and has thousands of steps.
        return hash(self.digest)

    def step(self, number: int) -> Step:
        """The step of that number. Raises KeyError."""
        if not 1 <= number <= len(self.steps):
            raise KeyError(number)
        return self.steps[number - 1]
