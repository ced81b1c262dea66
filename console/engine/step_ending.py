"""How a step ended: the mark, the sentence and the journal's result, from what its keeper has written down."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from console.core.runbooks.danger import Level
from console.core.runbooks.runs import Mark
from console.core.states import Outcome
from console.journal.events import Event
from console.walkthrough.keeping.jobs import TRANSCRIPT, Ended, Ending

MOST_DIFFERENT = 200
OUTCOMES = {Mark.RAN: Outcome.DONE, Mark.FAILED: Outcome.FAILED, Mark.UNKNOWN: Outcome.UNKNOWN}
STOPPER = "stopped-by"
VERIFY = "verify what it left behind"


def marked(ended: Ended, intent: Event, transcript: Path) -> tuple[Mark, str]:
    """The mark of an end, and its sentence.

    A command that only reads leaves nothing behind when it is stopped; a step in the background is there to be stopped.
    """
    reads = intent.body.get("level") == Level.READS.value
    after = f"after {ended.duration.total_seconds():.1f} s"
    who = stopper(transcript.parent)
    stopped = f"stopped by {who}" if who else "stopped"
    tries = f", tried {ended.tries} times" if ended.tries > 1 else ""
    match ended.ending:
        case Ending.EXITED if ended.exit_code == 0:
            said = f"exit 0 {after}{tries}"
            return (Mark.FAILED, f"{said}, but {ended.expectation}") if ended.expectation else (Mark.RAN, said)
        case Ending.EXITED:
            return Mark.FAILED, f"exit {ended.exit_code} {after}{tries}; transcript in {transcript}"
        case Ending.NOT_BEGUN:
            return Mark.FAILED, f"not begun: {ended.why}"
        case Ending.STOPPED if intent.body.get("background") is True:
            return Mark.RAN, f"{stopped} {after}{_by(ended)}"
        case Ending.STOPPED:
            said = f"{stopped} {after}{_by(ended)}"
        case Ending.TIMED_OUT:
            said = f"timed out {after}{tries}"
        case _:
            said = f"ended {after}{_by(ended)}"
    return (Mark.FAILED, f"{said}; it only reads") if reads else (Mark.UNKNOWN, f"{said}; {VERIFY}")


def say_stopper(folder: Path, who: str) -> None:
    """Keep who stops an attempt, for whichever process writes down how it ended; the first one stays."""
    # How it ended is told without the name as well.
    with suppress(OSError), (folder / STOPPER).open("x", encoding="utf-8") as file:
        file.write(who)


def stopper(folder: Path) -> str:
    """Who has stopped an attempt, as `user@host`; empty where that is not known."""
    try:
        return (folder / STOPPER).read_text(encoding="utf-8")[:200].strip()
    except (OSError, ValueError):
        return ""


def _by(ended: Ended) -> str:
    return f" by {ended.signal.removeprefix('SIG')}" if ended.signal else ""


def result_of(ended: Ended, intent: Event, folder: Path, expected: str) -> tuple[Mark, str, dict[str, Any]]:
    """The mark, the sentence, and the body of the journal's result. expected: output that the file says to expect."""
    mark, how = marked(ended, intent, folder / TRANSCRIPT)
    if not ended.whole and ended.ending is not Ending.NOT_BEGUN:
        how = f"{how}; the transcript is not whole{f': {ended.why}' if ended.why else ''}"
    body: dict[str, Any] = {
        "mark": mark.value,
        "how": how,
        "exit_code": ended.exit_code,
        "duration": ended.duration.total_seconds(),
        "signal": ended.signal,
        "output": ended.output,
        "lines": ended.lines,
        "tries": ended.tries,
    }
    if ended.ending is Ending.STOPPED:
        body["stopped"] = stopper(folder) or "somebody"
    if ended.lost:
        body["lost"] = list(ended.lost)
    if expected.strip() and ended.ending is Ending.EXITED:
        body["expected"] = list(_difference(expected, folder))
    return mark, how, body


def unknown(why: str) -> tuple[Mark, str, dict[str, Any]]:
    """The end that nobody knows."""
    how = f"{why}; {VERIFY}"
    return Mark.UNKNOWN, how, {"mark": Mark.UNKNOWN.value, "how": how}


def _difference(expected: str, folder: Path) -> tuple[str, ...]:
    from console.engine.runbook_folder import last_lines
    from console.walkthrough.expecting import difference

    told = difference(expected, last_lines(folder, 5000))
    more = len(told) - MOST_DIFFERENT
    return told if more <= 0 else (*told[:MOST_DIFFERENT], f"… {more} more lines differ")
