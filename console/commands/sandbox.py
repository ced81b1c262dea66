"""`hakgal-console sandbox`: an embedded world to practise on, with or without the console in front of it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from console.commands.wishes import Wish, add_read_only

EXAMPLES = """examples:
  hakgal-console sandbox                        the console on a practice world of HAK_GAL
  hakgal-console sandbox lexikon                of another system; a folder with a system.yaml and a sandbox.yaml works
  hakgal-console sandbox --speed 1440           a day of a rollout in a minute: soaks, intervals and dates run faster,
                                                and nothing else does; a bypass keeps real time
  hakgal-console sandbox --fault error-spike    with a fault already on; x switches faults
  hakgal-console sandbox --headless             print where everything is as one JSON object, and run until interrupted

Needs nothing but Python packages; a redis-server, prometheus and prometheus-alertmanager on PATH are used where found.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    system = parser.add_argument(
        "system", nargs="?", default="hak-gal", metavar="SYSTEM", help="which system (default hak-gal)"
    )
    system.completer = _systems  # type: ignore[attr-defined]
    parser.add_argument("--headless", action="store_true", help="no console: print JSON and run until interrupted")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="begin with this fault on")
    parser.add_argument(
        "--speed", type=_speed, metavar="N", help="run rollouts N times faster than the clock, 1 to 1000000"
    )
    parser.add_argument("--no-prometheus", action="store_true", help="let the console scrape /metrics itself")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keep its files there (default: a temporary folder)")
    add_read_only(parser)
    parser.add_argument("--ascii", action="store_true", default=argparse.SUPPRESS, help="draw with ASCII only")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Start the world, and the console on it."""
    from console.sandbox.client import SandboxError, sandbox_command, start_sandbox

    system = _path_of(arguments.system)
    if arguments.headless:
        command = sandbox_command(
            system,
            faults=arguments.fault,
            folder=arguments.folder,
            prometheus=not arguments.no_prometheus,
            speed=arguments.speed,
        )
        os.execv(command[0], command)
    print(f"starting the sandbox of {arguments.system} …", file=sys.stderr, flush=True)
    try:
        world = start_sandbox(
            system,
            faults=arguments.fault,
            folder=arguments.folder,
            prometheus=not arguments.no_prometheus,
            speed=arguments.speed,
        )
    except SandboxError as error:
        print(f"hakgal-console: {error}", file=sys.stderr)
        return 1
    from console.commands.console import operate

    try:
        wish = Wish(str(world.system), "sandbox")
        return operate(wish, read_only=arguments.read_only, ascii_only=arguments.ascii)
    finally:
        world.stop()


def _path_of(name_or_path: str) -> str:
    """The file of a system by name, one's own before a shipped one; what nobody knows stays as it is."""
    from console.systems.catalog import UnknownSystem, resolve_system

    try:
        return str(resolve_system(name_or_path))
    except UnknownSystem:
        return name_or_path


def _speed(text: str) -> int:
    from console.sandbox.client import read_speed

    try:
        return read_speed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _systems(**_given: object) -> list[str]:
    from console.systems.catalog import find_systems

    return [system.name for system in find_systems() if (system.path.parent / "sandbox.yaml").is_file()]
