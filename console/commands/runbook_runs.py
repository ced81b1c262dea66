"""`hakgal-console runbook runs` and `export`: what was walked through, and the proof of it."""

from __future__ import annotations

import argparse
import sys

from console.commands.plain import as_json
from console.commands.runbook_finding import books_of, choices_of, environment_of
from console.commands.runbook_words import told
from console.commands.wishes import Unclear
from console.core.runbooks.order import progress
from console.core.runbooks.runs import Run


def runs(arguments: argparse.Namespace) -> int:
    """A line for each run, those that are open first."""
    found: list[Run] = []
    for choice in choices_of(arguments):
        with books_of(choice, read_only=True) as engine:
            found += engine.runbooks.runs()
    found.sort(key=lambda run: run.began, reverse=True)
    found.sort(key=lambda run: not run.open)
    if arguments.json:
        print(as_json({"runs": found}))
        return 0
    for run in found:
        state = (
            f"open, at step {run.here}" if run.ended is None else f"ended {run.ended:%Y-%m-%d %H:%M}Z: {run.outcome}"
        )
        done, due = progress(run)
        print(told(f"{run.id}  {run.environment}  {done} of {due} done  by {run.by}  {state}"))
    if not found:
        print("no run was ever begun here; `hakgal-console runbook run FILE` begins one")
    return 0


def export(arguments: argparse.Namespace) -> int:
    """Print a run as Markdown, or write it to a file that is not there yet."""
    with books_of(environment_of(arguments.run_id, arguments), read_only=True) as engine:
        text = engine.runbooks.export(arguments.run_id)
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    try:
        with arguments.output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise Unclear(f"{arguments.output}: is there already; name a new file") from error
    except OSError as error:
        raise Unclear(f"{arguments.output}: cannot be written: {error.strerror}") from error
    print(f"wrote {arguments.output}")
    return 0
