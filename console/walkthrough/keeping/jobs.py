"""A step's process as others see it: where it is, how it stands, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

TRANSCRIPT = "transcript.log"
RESULT = "result.json"
CONTROL = "control"


class Ending(Enum):
    """How a job ended. KEPT ON: bash is over and what it began in the background goes on (a background step)."""

    EXITED = "exited"
    SIGNALLED = "signalled"
    STOPPED = "stopped"
    TIMED_OUT = "timed out"
    NOT_BEGUN = "not begun"


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a job. exit_code: None where a signal ended it. signal: its name. output: bytes that it printed.
    lines: how many. whole: whether the transcript has all of it; why: what is wrong with it, or why it was not begun.
    expectation: empty where what was expected came, else the sentence what did not. tries: how often it was run.
    lost: names of secret-looking variables that the step has set and that are not kept on disk.
    """

    ending: Ending
    began: datetime
    duration: timedelta
    exit_code: int | None = None
    signal: str = ""
    output: int = 0
    lines: int = 0
    whole: bool = True
    why: str = ""
    expectation: str = ""
    tries: int = 1
    lost: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """What is to run. Given to the keeper over a pipe: nothing of it is seen in a list of processes.

    text: exactly what the shell gets. environ: the whole environment. cwd: where it begins unless the state says
    otherwise. state: the file that carries variables, functions, folder and options from step to step; None for none.
    secrets: values that nothing may show or store. interpreter: empty for bash. expect, check, retry, timeout: see
    Options. carried: variables of earlier steps that look secret, which are not in the state file.
    """

    text: str
    environ: dict[str, str]
    cwd: Path
    state: Path | None = None
    secrets: tuple[str, ...] = ()
    timeout: timedelta | None = None
    interpreter: str = ""
    background: bool = False
    expect: str = ""
    check: str = ""
    retry: int = 0
    columns: int = 100
    rows: int = 40
    carried: tuple[tuple[str, str], ...] = ()
