"""Takes the README's picture: the console itself, on the sandbox, with an error spike in the newest version.

Run by `make picture`; writes docs/console.svg.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path

from console.app import ConsoleApp
from console.engine.engine import Engine
from console.sandbox.client import start_sandbox
from console.systems.loader import load_system

TARGET = Path(__file__).resolve().parents[1] / "docs" / "console.svg"
SIZE = (120, 40)
FAULT = "error-spike"
CALM = 6
"""Points of the sparkline, of 20 seconds each, before the fault."""


async def take(system_file: Path, folder: Path, switch_on: object) -> str:
    """Open the console, wait until it has seen calm and then the alert, and give what it shows as SVG."""
    system = load_system(system_file)
    engine = Engine(system, system.environments[0], folder=folder)
    app = ConsoleApp(engine, theme="night", environ={"LANG": "C.UTF-8", "COLORTERM": "truecolor"})
    async with app.run_test(size=SIZE) as pilot:
        deadline = time.monotonic() + 300
        while not app.ready or sum(value is not None for value in app.picture.memory_trend.history) < CALM:
            assert time.monotonic() < deadline, "the sparkline did not fill"
            await asyncio.sleep(0.5)
        await asyncio.to_thread(switch_on)  # type: ignore[arg-type]
        while not any(alert.name == "error_rate" for alert in app.picture.alerts.firing):
            assert time.monotonic() < deadline, "the alert did not come"
            await asyncio.sleep(0.2)
        await asyncio.sleep(3)
        await pilot.pause()
        svg = app.export_screenshot(title="hakgal-console")
    engine.stop("the picture is taken")
    return svg


def main() -> None:
    """Start a sandbox, take the picture, write it."""
    os.environ.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as folder, start_sandbox() as sandbox:
        svg = asyncio.run(take(sandbox.system, Path(folder), lambda: sandbox.switch(FAULT, True)))
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(svg, encoding="utf-8")
    print(f"wrote {TARGET}")


if __name__ == "__main__":
    main()
