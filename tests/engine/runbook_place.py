"""A small system with runbooks, and engines opened on it without anything to observe: for tests of runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from console.core.operations import Operation
from console.core.runbooks.runs import Mark, Run
from console.core.states import Outcome
from console.engine.engine import Engine
from console.engine.runbooks import Runbooks
from console.journal.events import Event
from console.journal.journal import Journal
from console.systems.loader import load_system
from tests.conftest import wait_until
from tests.walkthrough.steps import end_steps

SYSTEM = """
name: tiny
environments:
  test: {tone: staging}
"""


@dataclass
class RunbookPlace:
    """A folder with a system, its runbooks and its state. Engines of it are closed at the end."""

    folder: Path
    engines: list[Engine] = field(default_factory=list)

    @property
    def system(self) -> Path:
        return self.folder / "tiny" / "system.yaml"

    @property
    def state(self) -> Path:
        return self.folder / "state" / "tiny"

    @property
    def mark(self) -> Path:
        """A file that steps append a line to, so that it tells how often they ran."""
        return self.folder / "mark"

    @property
    def marks(self) -> int:
        return len(self.mark.read_text().splitlines()) if self.mark.exists() else 0

    def write(self, text: str, name: str = "look.md") -> Path:
        """Write a runbook; `MARK` in it stands for the file above."""
        path = self.folder / "tiny" / name
        path.write_text(text.replace("MARK", str(self.mark)))
        return path

    def engine(self, *, read_only: bool = False, environ: Mapping[str, str] | None = None) -> Engine:
        """An engine with its books open, as a command has one."""
        engine = self.shut_engine(read_only=read_only, environ=environ)
        engine.open_books()
        return engine

    def shut_engine(self, *, read_only: bool = False, environ: Mapping[str, str] | None = None) -> Engine:
        """An engine whose books were not opened yet."""
        system = load_system(self.system, environ={})
        usual = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self.folder)}
        engine = Engine(
            system,
            system.environments[0],
            folder=self.state,
            read_only=read_only,
            environ={**usual, **(environ or {})},
            interval=timedelta(seconds=0.2),
        )
        self.engines.append(engine)
        return engine

    def events(self) -> list[Event]:
        """Everything in the journal about runbooks."""
        engine = self.engine()
        journal = Journal.open(self.state / "journal.db", clock=lambda: engine.picture.taken_at)
        found = [event for event in journal.events() if event.kind.startswith("runbook.")]
        journal.close()
        return found

    def results(self) -> list[Event]:
        """The results of steps in the journal."""
        return [event for event in self.events() if event.intent is not None]

    def close(self) -> None:
        for engine in self.engines:
            engine.stop("the test ended")
        end_steps(self.state)


def runbook_place(folder: Path) -> RunbookPlace:
    """Write the system."""
    place = RunbookPlace(folder)
    place.system.parent.mkdir()
    place.system.write_text(SYSTEM)
    place.state.mkdir(parents=True)
    return place


def started(engine: Engine, run: str, step: int, typed: str | None = None) -> Operation:
    """Start a step as a person would: look at it, type its target, press."""
    seen = engine.runbooks.assess(run, step)
    assert not seen.why_not, seen.why_not
    return engine.runbooks.start(run, step, typed=seen.target if typed is None else typed, digest=seen.digest)


def over(engine: Engine, operation: Operation, *, within: float = 20.0) -> Operation:
    """Wait for an operation to be over."""
    found = engine.wait(operation.id, timedelta(seconds=within))
    assert found.outcome is not Outcome.RUNNING, f"{found.title} still runs: {found.lines}"
    return found


def done(engine: Engine, run: str, step: int) -> Operation:
    """Start a step and wait for its end."""
    return over(engine, started(engine, run, step))


def marked(desk: Runbooks, run: str, step: int, mark: Mark, *, within: float = 20.0) -> Run:
    """Wait for a step to have a mark."""
    wait_until(lambda: desk.run(run).step(step).mark is mark, within=within, what=f"step {step} being {mark.value}")
    return desk.run(run)


def found(look: Callable[[], object], what: str) -> None:
    """Wait for something to be so."""
    wait_until(look, within=20.0, what=what)
