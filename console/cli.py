"""The command line: `hakgal-console` and its commands."""

# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from console.commands import bypass, check, completion, console, doctor, rollback, sandbox, status
from console.commands.choosing import USAGE, Unclear, add_choice

EXAMPLES = """examples:
  hakgal-console                                 open the console on the last-used system, or pick one
  hakgal-console --system hak-gal --env staging  open it on staging
  hakgal-console sandbox                         practise on an embedded world; needs no cluster
  hakgal-console status --json                   what the console sees, for a script
  hakgal-console doctor                          is everything reachable, permitted and set up?

`hakgal-console COMMAND --help` shows the examples and exit codes of a command.
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    root = argparse.ArgumentParser(
        prog="hakgal-console",
        description="Take a release through a phased rollout from one terminal, watch it, and get out of trouble fast.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action=Version, nargs=0, help="print the version and leave")
    add_choice(root, default=None)
    console.add_options(root)
    root.set_defaults(run=console.run)
    commands = root.add_subparsers(title="commands", metavar="COMMAND")
    for command in (status, rollback, bypass, doctor, check, sandbox, completion):
        command.add(commands)
    return root


class Version(argparse.Action):
    """Prints the version; found out only when asked for, for looking it up takes longer than parsing."""

    def __call__(self, parser: argparse.ArgumentParser, *_arguments: object) -> None:
        """Print and leave."""
        print(f"hakgal-console {installed_version()}")
        parser.exit()


def installed_version() -> str:
    """The version of the installed package."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("hakgal-console")
    except PackageNotFoundError:
        return "unknown (not installed)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. No traceback reaches the screen."""
    root = parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(root)
    parsed = root.parse_args(arguments)
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        code: int = parsed.run(parsed)
    except Unclear as error:
        print(f"hakgal-console: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return code


if __name__ == "__main__":
    sys.exit(main())
