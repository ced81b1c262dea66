"""`hakgal-console check PATH`: every fault of a system's files at once."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from console.commands.plain import as_json
from console.systems.catalog import UnknownSystem, resolve_system
from console.systems.loader import check

EXAMPLES = """examples:
  hakgal-console check runbooks/hak-gal
  hakgal-console check my-system/system.yaml
  hakgal-console check my-system/release.rollout.yaml

prints `file:line: what is wrong; what would be right` for each fault
exit codes: 0 no fault; 1 faults; 2 there is no such file
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    known = "a system.yaml, its folder, one of its *.rollout.yaml, or the name of a shipped system"
    parser.add_argument("path", help=known)
    parser.add_argument("--json", action="store_true", help="the faults as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print every fault."""
    try:
        path = resolve_system(arguments.path)
    except UnknownSystem as error:
        print(f"hakgal-console: {error}", file=sys.stderr)
        return 2
    faults = check(Path(path))
    if arguments.json:
        print(as_json({"path": path, "faults": faults}))
    else:
        for fault in faults:
            print(fault)
        if not faults:
            print(f"{path}: no fault")
    return 1 if faults else 0
