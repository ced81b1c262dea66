"""`hakgal-console doctor`: every connection, permission and folder, one line each."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator

from console.commands.choosing import Choice, must_choose, remember
from console.commands.examining import Finding, State, examinations
from console.commands.plain import as_json
from console.commands.wishes import add_choice
from console.engine import warming

EXAMPLES = """examples:
  hakgal-console doctor                                  the only or last-used system and environment
  hakgal-console doctor --system hak-gal --env production --json

exit codes: 0 everything is in order (warnings allowed); 1 something failed; 2 the command was not understood
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    add_choice(parser)
    parser.add_argument("--json", action="store_true", help="the findings as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Examine everything side by side, print in a fixed order."""
    choice = must_choose(arguments)
    remember(choice)
    findings = list(examine(choice))
    if arguments.json:
        print(as_json({"system": choice.system.name, "environment": choice.environment.name, "findings": findings}))
    else:
        print(f"{choice.system.name} ▸ {choice.environment.name.upper()}")
        for finding in findings:
            print(f"{finding.state.value:<5} {finding.name:<12} {finding.sentence}")
    return 1 if any(finding.state is State.FAILED for finding in findings) else 0


def examine(choice: Choice) -> Iterator[Finding]:
    """All findings, in the order of the examinations; each has its own deadlines."""
    from concurrent.futures import ThreadPoolExecutor

    environment = choice.environment
    warming.warm(*warming.light(environment), *warming.metrics(environment), *warming.cluster(environment))
    every = examinations(choice)
    with ThreadPoolExecutor(max_workers=len(every)) as pool:
        for findings in pool.map(guarded, every):
            yield from findings


def guarded(examination: tuple[str, Callable[[], list[Finding]]]) -> list[Finding]:
    """An examination that breaks is a finding too."""
    name, look = examination
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - the edge of the task: it becomes a finding
        return [Finding(name, State.FAILED, f"{type(error).__name__}: {error}")]
