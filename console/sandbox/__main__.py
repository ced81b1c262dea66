"""Running the sandbox: `python -m console.sandbox` prints one JSON object when ready and runs until interrupted."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from console.sandbox.children import Children
from console.sandbox.client import read_speed
from console.sandbox.faults import Fault, Faults, UnavailableFault, UnknownFault
from console.sandbox.monitoring import (
    Server,
    find_alertmanager,
    find_prometheus,
    start_alertmanager,
    start_prometheus,
)
from console.sandbox.store import Store, start_store
from console.sandbox.system_file import NoSystem, find_system, read_system
from console.sandbox.world_file import FILE, BrokenWorld, WorldFile, read_world


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sandbox. Exit codes: 0 ended as asked, 1 could not start or broke, 2 wrong arguments."""
    began = time.monotonic()
    options = _parser().parse_args(arguments)
    try:
        source = find_system(options.system)
        system = read_system(source)
        described = read_world(source.parent / FILE)
        known = Faults(described.about)
        faults = [known.named(name) for name in options.fault]
    except (UnknownFault, NoSystem, BrokenWorld) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    given = options.folder
    folder = (given or Path(tempfile.mkdtemp(prefix="hakgal-sandbox-"))).expanduser().resolve()
    folder.mkdir(parents=True, exist_ok=True)
    children = Children(None if given else folder)
    try:
        return _run(options, faults, source, system, described, folder, children, began)
    except (RuntimeError, OSError, UnavailableFault, NoSystem, BrokenWorld) as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    finally:
        children.end_all()


def _run(
    options: argparse.Namespace,
    faults: list[str],
    source: Path,
    system: dict[str, object],
    described: WorldFile,
    folder: Path,
    children: Children,
    began: float,
) -> int:
    control = socket.create_server(("127.0.0.1", 0), backlog=64)
    control_url = f"http://127.0.0.1:{control.getsockname()[1]}"
    # The programs start while Python still imports: this is most of what there is to gain.
    names = [place.name for place in described.places]
    endings = ["", *(f"-{name}" for name in names[1:])]
    stores: dict[str, Store] = {
        name: start_store(children, folder / f"redis{ending}") for name, ending in zip(names, endings, strict=True)
    }
    prometheuses: dict[str, Server] = {}
    alertmanager: Server | None = None
    notices: list[str] = []
    if options.prometheus and (program := find_prometheus()):
        if manager := find_alertmanager():
            alertmanager = start_alertmanager(children, manager, folder / "alertmanager")
        port = alertmanager.port if alertmanager else None
        # One for each environment, as real ones have: their queries name no environment.
        for name, ending in zip(names, endings, strict=True):
            prometheuses[name] = start_prometheus(
                children, program, folder / f"prometheus{ending}", f"{control_url}/targets/{name}", port
            )
    elif options.prometheus:
        notices.append("Prometheus is not on PATH: metrics are scraped from the pods instead.")

    from console.sandbox.world import World

    async def live() -> None:
        world = World(
            described=described,
            folder=folder,
            system=system,
            source=source,
            stores=stores,
            prometheuses=prometheuses,
            alertmanager=alertmanager,
            children=children,
            notices=notices,
            began=began,
            speed=options.speed,
        )
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup asks to be left running
                loop.add_signal_handler(number, task.cancel)
        if options.owned:
            threading.Thread(target=_end_with_input, args=(loop, task), name="owner", daemon=True).start()
        await world.run(control, faults)

    try:
        asyncio.run(live())
    except (asyncio.CancelledError, KeyboardInterrupt):
        return 0
    return 0


def _end_with_input(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(task.cancel)


def _speed(text: str) -> int:
    try:
        return read_speed(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m console.sandbox",
        description="A practice world: Redis, a Kubernetes API with running pods, traffic, logs and Prometheus.",
    )
    parser.add_argument("--system", default="hak-gal", metavar="NAME|PATH", help="the system to stand for")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME", help=f"switch on: {', '.join(f.value for f in Fault)}"
    )
    parser.add_argument("--folder", type=Path, help="where files are kept; a temporary folder unless given")
    parser.add_argument("--no-prometheus", dest="prometheus", action="store_false", help="do not start Prometheus")
    parser.add_argument("--speed", type=_speed, metavar="N", help="run the engine's clock N times faster, 1 to 1000000")
    parser.add_argument("--owned", action="store_true", help="end when standard input ends")
    return parser


if __name__ == "__main__":
    sys.exit(main())
