"""`hakgal-console watch`: the engine without a screen; it drives the rollout while no terminal is open."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from console.commands.choosing import folder_of, load, pick_environment
from console.commands.logbook import keep_log
from console.commands.wishes import Unclear, add_choice, wish_of
from console.core.system import System

EXAMPLES = """examples:
  hakgal-console watch hak-gal                    watch here, until interrupted; lines say what happens
  hakgal-console watch hak-gal --detach           the same in the background; closing the terminal changes nothing
  hakgal-console watch hak-gal --stop             end the watcher that runs here, and wait until it has
  hakgal-console watch hak-gal --unit > ~/.config/systemd/user/hakgal-watch-hak-gal.service
                                                  a systemd unit, so that it is there again after a reboot

Starting a rollout starts a watcher where none runs. Its last look is in monitoring/last_status.json of the system's
state folder, written as a whole at every tick.

The watcher of a practice world ends by itself a minute after the world.

exit codes: 0 ended as asked, or the rollout is over; 1 broke, or none runs that could be stopped; 2 not understood;
3 another watcher runs or took over
"""

UNIT = """[Unit]
Description=hakgal-console watches {system}
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
WorkingDirectory={folder}
ExecStart={command}
Restart=on-failure
RestartSec=5
{environment}
[Install]
WantedBy=default.target
"""
KEPT_VARIABLES = ("HAKGAL_STATE_DIR", "KUBECONFIG", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "PATH")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.epilog = EXAMPLES
    named = parser.add_argument("named", nargs="?", metavar="SYSTEM", help="the system; like --system")
    named.completer = _systems  # type: ignore[attr-defined]
    add_choice(parser)
    parser.add_argument("--detach", action="store_true", help="watch in the background and return")
    parser.add_argument("--stop", action="store_true", help="end the watcher of this system on this machine")
    parser.add_argument("--unit", action="store_true", help="print a systemd unit and do nothing")
    parser.add_argument("--until-over", action="store_true", help="end when the rollout is over")
    parser.add_argument("--take-over", action="store_true", help="take the lease from whoever drives")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Watch one system."""
    if arguments.named is not None:
        arguments.system = arguments.named
    wish = wish_of(arguments)
    if wish is None:
        raise Unclear("say which system: hakgal-console watch SYSTEM")
    system = load(wish.system)
    pick_environment(system, arguments.env)
    folder = folder_of(system)
    if arguments.unit:
        print(unit(system), end="")
        return 0
    if arguments.stop:
        return _stop(system, folder)
    if arguments.detach:
        return _detach(system, folder, take_over=arguments.take_over)
    return _watch(system, folder, arguments)


def unit(system: System) -> str:
    """A systemd unit that watches the system from this folder, with what this shell has set."""
    program = Path(sys.argv[0]).absolute()
    start = [str(program)] if program.name == "hakgal-console" else [sys.executable, "-m", "console.cli"]
    command = shlex.join([*start, "watch", "--system", str(system.path)]).replace("%", "%%")
    lines = "".join(
        f'Environment="{name}={os.environ[name]}"\n'.replace("%", "%%") for name in KEPT_VARIABLES if name in os.environ
    )
    return UNIT.format(
        system=system.name, folder=str(Path.cwd()).replace("%", "%%"), command=command, environment=lines
    )


def _watch(system: System, folder: Path, arguments: argparse.Namespace) -> int:
    from console.engine.watcher import HELD_BY_ANOTHER, AlreadyWatched, Watcher
    from console.journal.journal import JournalError

    keep_log(folder)
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    # A closed terminal must not end it; whoever wants that says so by SIGTERM.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    watcher = Watcher(
        system,
        folder=folder,
        environ=os.environ,
        clock=lambda: datetime.now(UTC),
        say=_say,
        until_over=arguments.until_over,
        take_over=arguments.take_over,
    )
    try:
        return watcher.run(stopped)
    except AlreadyWatched as error:
        print(f"hakgal-console: {error}", file=sys.stderr)
        return HELD_BY_ANOTHER
    except (JournalError, OSError) as error:
        print(f"hakgal-console: {error}", file=sys.stderr)
        return 1


def _detach(system: System, folder: Path, *, take_over: bool) -> int:
    from console.engine.watcher import STANDS_BY
    from console.engine.watcher_process import spawn_detached

    try:
        begun = spawn_detached(system.path, folder, take_over=take_over)
    except OSError as error:
        raise Unclear(f"no watcher could be started: {error.strerror or error}") from error
    if begun.pid is None:
        print(f"hakgal-console: the watcher ended at once: {begun.said or 'see ' + str(begun.log)}", file=sys.stderr)
        return 3
    does = "standing by for" if begun.said.endswith(STANDS_BY) else "watching"
    told = f": {begun.said}" if begun.said else ""
    print(f"{does} {system.name} in the background (pid {begun.pid}){told}; it says what happens in {begun.log}")
    return 0


def _stop(system: System, folder: Path) -> int:
    from console.engine.watcher_process import NotStopped, driven_by, stop_watcher

    driven = driven_by(folder)
    try:
        pid = stop_watcher(folder)
    except NotStopped as error:
        print(f"hakgal-console: {error}", file=sys.stderr)
        return 1
    if pid is None:
        print(f"hakgal-console: no watcher of {system.name} runs on this machine", file=sys.stderr)
        return 1
    after = f"; {driven} stands until a watcher drives it again" if driven else ""
    print(f"stopped the watcher of {system.name} (pid {pid}){after}")
    return 0


def _say(line: str) -> None:
    """A line with its time; a log that is not read any more ends nothing."""
    try:
        print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {line}", flush=True)
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def _systems(prefix: str, **_: object) -> list[str]:
    from console.systems.catalog import find_systems

    return [entry.name for entry in find_systems() if entry.name.startswith(prefix)]
