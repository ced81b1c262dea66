"""`hakgal-console runbook`: what is in Markdown runbooks, and a run of one from a plain terminal."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from console.commands.wishes import add_choice, add_read_only, wish_of
from console.core.operations import Refused

EXAMPLES = """examples:
  hakgal-console runbook check docs/ restore.md            what is seen as steps, placeholders, dangers and faults
  hakgal-console runbook check --json docs/ | jq '.files[].steps[] | select(.danger == "destroys")'
  hakgal-console runbook list --system hak-gal             its runbooks, and the runs of them that are open
  hakgal-console runbook show rate-limit-storm             the steps of one, with lines, options and dangers
  hakgal-console runbook run restore.md --values host=db   walk through it in this terminal
  hakgal-console runbook run restore.md --yes-reads        as far as steps only read, without a question
  hakgal-console runbook run --resume RUN                  go on where a run stands; secrets are asked again
  hakgal-console runbook runs                              every run, those that are open first
  hakgal-console runbook export RUN -o incident.md         what was done and what came of it, as Markdown

check and show of a file need no system, and run nothing. A file is never changed. A run of a file belongs to the system
that is named, else to that of the file's folder, else to the one used last, else to `local`: this machine, no servers.

exit codes of check: 0 no fault, 1 faults, 2 a file or folder is not there
of run: 0 every step is settled, 1 steps are left or one failed, 2 refused, 3 a person is needed and there is no
terminal to ask on; of the others: 0 done, 2 not understood or refused

JSON of check: {"files": [{"path", "steps": [{"line", "kind": "command|check|note", "runnable", "why_not", "danger":
"reads|changes|destroys|unknown", "placeholders": [], "path": []}], "faults": [{"line", "fault"}]}]}
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    parser.set_defaults(run=lambda _arguments: _no_verb(parser))
    add_choice(parser)
    verbs = parser.add_subparsers(title="what to do", metavar="VERB")

    def verb(name: str, told: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=told, description=told)
        made.set_defaults(run=run, verb=name)
        return made

    check = verb("check", "say what is seen in Markdown files; nothing is run")
    check.add_argument("paths", nargs="+", metavar="FILE|FOLDER", help="a Markdown file, or a folder of them")
    check.add_argument("--json", action="store_true", help="as JSON")
    listed = verb("list", "the runbooks of a system and their open runs")
    show = verb("show", "the steps of a runbook")
    _add_runbook(show, None)
    show.add_argument("--json", action="store_true", help="as JSON")
    walk = verb("run", "walk through a runbook in this terminal")
    _add_runbook(walk, "?")
    walk.add_argument("--from", dest="start", type=int, metavar="N", help="begin at this step, as `show` numbers them")
    walk.add_argument(
        "--values", nargs="+", action="extend", default=[], metavar="K=V", help="values of placeholders; no secrets"
    )
    walk.add_argument("--yes-reads", action="store_true", help="run what only reads without a question")
    resume = walk.add_argument("--resume", metavar="RUN", help="go on with a run instead of beginning one")
    runs = verb("runs", "the runs of a system's runbooks")
    runs.add_argument("--json", action="store_true", help="as JSON")
    export = verb("export", "write a run as Markdown")
    exported = export.add_argument("run_id", metavar="RUN", help="a run's id, as `runs` lists them")
    export.add_argument("-o", "--output", type=Path, metavar="FILE", help="write to this file, which must be new")
    resume.completer = exported.completer = _run_ids  # type: ignore[attr-defined]
    for each in (listed, show, walk, runs, export):
        add_choice(each)
    add_read_only(walk)


def run(arguments: argparse.Namespace) -> int:
    """Do what the verb says."""
    from console.commands.runbook_check import check
    from console.commands.runbook_runs import export, runs
    from console.commands.runbook_show import list_all, show
    from console.commands.runbook_walk import walk

    verbs = {"check": check, "list": list_all, "show": show, "run": walk, "runs": runs, "export": export}
    try:
        return verbs[arguments.verb](arguments)
    except Refused as error:
        print(f"hakgal-console: {error}", file=sys.stderr)
        return 2


def _add_runbook(parser: argparse.ArgumentParser, nargs: str | None) -> None:
    named = parser.add_argument(
        "runbook", nargs=nargs, metavar="FILE|NAME", help="a Markdown file, or the name of one of the system's"
    )
    named.completer = _names  # type: ignore[attr-defined]


def _no_verb(parser: argparse.ArgumentParser) -> int:
    parser.print_usage(sys.stderr)
    print("hakgal-console: say what to do: check, list, show, run, runs or export", file=sys.stderr)
    return 2


def _folder(arguments: argparse.Namespace) -> Path | None:
    """The folder of the system that is meant."""
    from console.systems.catalog import UnknownSystem, resolve_system

    wish = wish_of(arguments)
    if wish is None:
        return None
    try:
        return resolve_system(wish.system).parent
    except (UnknownSystem, OSError):
        return None


def _names(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    from argcomplete.completers import FilesCompleter

    folder = _folder(parsed_args)
    found = [path.stem for path in folder.glob("*.md") if path.name != "README.md"] if folder else []
    files = FilesCompleter(("md",))(prefix)
    return sorted({*(name for name in found if name.startswith(prefix)), *files})


def _run_ids(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    from console.systems.places import state_root

    folder = _folder(parsed_args)
    if folder is None:
        return []
    return sorted(path.name for path in (state_root() / folder.name / "runs").glob(f"{prefix}*"))
