"""An engine for the length of one command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from console.commands.choosing import Choice, folder_of, remember
from console.commands.logbook import keep_log
from console.commands.rollout_words import by_command
from console.core.operations import Operation
from console.core.picture import Picture
from console.core.states import Outcome
from console.engine.engine import Engine

ANSWER = timedelta(seconds=12)

EXITS = {Outcome.DONE: 0, Outcome.FAILED: 1, Outcome.REFUSED: 2, Outcome.UNKNOWN: 3, Outcome.RUNNING: 3}


@contextmanager
def desk_of(choice: Choice, *, read_only: bool) -> Iterator[Engine]:
    """An engine that has not begun; it is stopped, and says so in the journal, when the command ends."""
    folder = folder_of(choice.system)
    keep_log(folder)
    engine = Engine(choice.system, choice.environment, folder=folder, read_only=read_only)
    reason = "the command ended"
    try:
        yield engine
    except KeyboardInterrupt:
        reason = "interrupted"
        raise
    finally:
        engine.stop(reason)


def observed(engine: Engine, choice: Choice, until: Callable[[Picture], bool] | None = None) -> Picture:
    """The picture once `until` holds, by default once every source has answered or failed."""
    remember(choice)
    return engine.observe(ANSWER, until)


def cluster_answered(picture: Picture) -> bool:
    """Whether Kubernetes has answered or failed: all that a rollback waits for."""
    return picture.cluster.value is not None or picture.cluster.error is not None


def store_answered(picture: Picture) -> bool:
    """Whether the bypass's store has answered or failed: all that a bypass waits for."""
    return not picture.bypass_offered or picture.bypass.value is not None or picture.bypass.error is not None


def follow(engine: Engine, operation: Operation, *, quiet: bool) -> Operation:
    """Print an operation's lines as they come until it is over; the first interrupt asks it to stop."""
    shown = 0
    asked = False
    while True:
        try:
            now = engine.wait(operation.id, timedelta(seconds=0.2))
        except KeyboardInterrupt:
            if asked:
                raise
            asked = True
            print("stopping; interrupt again to leave it as it is", file=sys.stderr)
            engine.cancel(operation.id)
            continue
        if not quiet:
            for line in now.lines[shown:]:
                print(by_command(line), flush=True)
        shown = len(now.lines)
        if now.outcome is not Outcome.RUNNING:
            return now
