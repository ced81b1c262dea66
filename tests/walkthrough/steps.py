"""Steps for the tests: started in a folder of their own, followed, what they said kept."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from console.core.operations import Refused
from console.walkthrough.keeping.jobs import CONTROL, Ended, Spec
from console.walkthrough.keeping.running import Job, start_job

GRACE = timedelta(seconds=0.3)


def end_steps(folder: Path) -> None:
    """Stop what a test that failed has left running anywhere in a folder: a keeper outlives who started it."""
    for control in folder.rglob(CONTROL):
        job = Job(control.parent)
        if job.alive:
            with contextlib.suppress(Refused):
                job.stop(GRACE)


@dataclass
class Steps:
    """Steps of one run: they share a state."""

    folder: Path
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    when: dict[str, Callable[[], None]] = field(default_factory=dict)
    cancel: threading.Event = field(default_factory=threading.Event)
    environ: dict[str, str] = field(
        default_factory=lambda: {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
    )
    carried: tuple[tuple[str, str], ...] = ()
    count: int = 0

    @property
    def state(self) -> Path:
        """Where the state is."""
        return self.folder / "state"

    def spec(self, text: str, **more: Any) -> Spec:
        """What is to run."""
        given = {"state": self.state, "carried": self.carried, **more}
        return Spec(text, self.environ, self.folder, **given)

    def start(self, text: str, **more: Any) -> Job:
        """Start a step."""
        self.count += 1
        return start_job(self.folder / "steps" / str(self.count), self.spec(text, **more))

    def follow(self, job: Job) -> Ended | None:
        """Follow a step to its end; `said` and `asked` are this one's."""
        self.said.clear()
        self.asked.clear()
        return job.follow(self._hear, self._ask, self.cancel, GRACE)

    def run(self, text: str, **more: Any) -> Ended:
        """Run a step to its end; what it leaves is given to the next one."""
        job = self.start(text, **more)
        ended = self.follow(job)
        assert ended is not None, (job.folder / "broken").read_text() if (job.folder / "broken").exists() else "unknown"
        known = {**dict(self.carried), **dict(job.carried)}
        self.carried = tuple(known.items())
        return ended

    def transcript(self, number: int = 0) -> str:
        """The transcript of a step, the newest one's without a number."""
        return (self.folder / "steps" / str(number or self.count) / "transcript.log").read_text()

    def _hear(self, line: str) -> None:
        self.said.append(line)
        if line in self.when:
            self.when.pop(line)()

    def _ask(self, text: str) -> None:
        self.asked.append(text)
        if text in self.when:
            self.when.pop(text)()
