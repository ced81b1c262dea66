"""The command line: `hakgal-console` and its commands.

A command's module is imported when the command is used: the console's first paint waits for nothing else.
"""

# PYTHON_ARGCOMPLETE_OK

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from console.commands.wishes import USAGE, Unclear, add_choice, add_read_only

COMMANDS = {
    "status": "print what the console sees, once",
    "rollout": "start, see and steer a phased rollout",
    "watch": "drive rollouts without a screen; in the background, or as a systemd unit",
    "runbook": "check, show and walk through Markdown runbooks, and export what was done",
    "rehearse": "run a rollout plan in virtual time against scripted metrics",
    "rollback": "return a deployment to the version recorded good, or to a revision",
    "bypass": "grant, revoke or show the emergency bypass",
    "doctor": "check connections, permissions, folders, and that environments share no Redis",
    "check": "check a system's files",
    "sandbox": "open the console on an embedded practice world",
    "completion": "print the shell completion",
}

EXAMPLES = """examples:
  hakgal-console                                 open the console on the last-used system, or pick one
  hakgal-console --system hak-gal --env staging  open it on staging
  hakgal-console sandbox                         practise on an embedded world; needs no cluster
  hakgal-console status --json                   what the console sees, for a script
  hakgal-console doctor                          is everything reachable, permitted and set up?

`hakgal-console COMMAND --help` shows the examples and exit codes of a command.
"""


def parser(wanted: Sequence[str] = tuple(COMMANDS)) -> argparse.ArgumentParser:
    """The command line. wanted: the commands whose own options are needed; the others are only listed."""
    root = argparse.ArgumentParser(
        prog="hakgal-console",
        description="Take a release through a phased rollout from one terminal, watch it, and get out of trouble fast.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action=Version, nargs=0, help="print the version and leave")
    add_choice(root, default=None)
    add_read_only(root, default=False)
    root.add_argument("--ascii", action="store_true", help="draw with ASCII only")
    root.set_defaults(run=open_console)
    commands = root.add_subparsers(title="commands", metavar="COMMAND")
    for name, told in COMMANDS.items():
        command = commands.add_parser(name, help=told, formatter_class=argparse.RawDescriptionHelpFormatter)
        if name in wanted:
            import_module(f"console.commands.{name}").add(command)
    return root


def open_console(arguments: argparse.Namespace) -> int:
    """No command was named: the console itself."""
    from console.commands import console

    return console.run(arguments)


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
    given = sys.argv[1:] if arguments is None else arguments
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser())
    parsed = parser([name for name in COMMANDS if name in given]).parse_args(given)
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
