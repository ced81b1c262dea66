"""The console on a terminal over a played desk: `python -m tests.terminal.player IN OUT PICTURE LINES [--ascii …]`.

Commands, a line each, on descriptor IN; each is answered by a line on OUT when it is done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, cast

from console.app import ConsoleApp
from screens.base import Place
from screens.terminal import ConsoleDriver

if TYPE_CHECKING:
    from console.core.picture import Picture
    from console.core.rollouts.view import RolloutView
    from tests import pictures
    from tests.screens.desks import PlayedDesk

NOW = datetime(2026, 3, 14, 21, 4, 11, tzinfo=UTC)


def played(name: str) -> Picture:
    """The picture of that name; `rollout.NAME` is one of a rollout, `runbook` a quiet one with a runbook to open."""
    if name == "runbook":
        return cast("Picture", pictures.healthy())
    if name.startswith("rollout."):
        from tests import rollout_pictures

        return cast("Picture", getattr(rollout_pictures, name.removeprefix("rollout."))())
    return cast("Picture", getattr(pictures, name)())


class Player:
    """Commands as methods."""

    def __init__(self, picture: str, lines: int, options: argparse.Namespace) -> None:
        self.now = NOW
        self.next_line = lines + 1
        self.app = ConsoleApp(
            opening=self.open,
            naming=("hak-gal", "production"),
            clock=lambda: self.now,
            ascii_only=options.ascii,
            mouse=options.mouse,
            theme=options.theme,
        )
        self.storming = threading.Event()
        self.opened = threading.Event()
        self.begin = (picture, lines)

    def open(self) -> PlayedDesk:
        """Make the desk, in the app's thread for that: after the first paint, as the real one is made."""
        global pictures
        from tests import pictures
        from tests.screens.desks import PlayedDesk
        from tests.terminal.interactive import OnTerminal

        name, lines = self.begin
        self.desk = PlayedDesk(played(name), pictures.log_lines(lines) if lines else ())
        if name == "runbook":
            self.desk.runbooks = books = OnTerminal(self.desk)
            self.desk.system = replace(self.desk.system, runbooks=tuple(books.documents))
        self.opened.set()
        return self.desk

    def serve(self, incoming: int, outgoing: int) -> None:
        self.opened.wait()
        with os.fdopen(incoming) as commands:
            for line in commands:
                name, *words = line.split()
                answer = getattr(self, f"do_{name}")(*words)
                os.write(outgoing, f"{answer or 'done'}\n".encode())

    def play(self, change: Callable[[Picture], Picture]) -> None:
        self.desk.play(change(self.desk.picture))

    def do_settle(self) -> None:
        """Answer when all that was asked before has been painted."""
        self.app.call_from_thread(self._settled)  # type: ignore[arg-type]

    def do_pid(self) -> str:
        return str(os.getpid())

    async def _settled(self) -> bool:
        quiet = 0
        while quiet < 5 or not self.app.ready:
            await asyncio.sleep(0.01)
            screen = self.app.screen
            waiting = [
                self.app.message_queue_size,
                len(screen._dirty_widgets),
                int(screen._layout_required or screen._repaint_required),
                *(widget.message_queue_size + int(widget._repaint_required) for widget in screen.query("*")),
            ]
            quiet = 0 if any(waiting) else quiet + 1
        return True

    def do_play(self, name: str) -> None:
        self.desk.play(played(name))
        self.do_settle()

    def do_poll(self) -> None:
        """An unchanged poll two seconds later: every reading is new, nothing it says differs."""
        renewed = replace(
            self.desk.picture,
            taken_at=self.now,
            redis=replace(self.desk.picture.redis, taken_at=self.now),
            cluster=replace(self.desk.picture.cluster, taken_at=self.now),
            logs=replace(self.desk.picture.logs, taken_at=self.now),
            bypass=replace(self.desk.picture.bypass, taken_at=self.now),
            alerts=replace(self.desk.picture.alerts, checked_at=self.now),
            rollout=self.renewed(),
        )
        self.desk.play(renewed)
        self.do_settle()

    def renewed(self) -> RolloutView | None:
        """The rollout as an unchanged tick of its driver leaves it."""
        view = self.desk.picture.rollout
        if view is None:
            return None
        return replace(view, taken_at=self.now, driver=replace(view.driver, seen=self.now))

    def do_gate(self, value: str) -> None:
        """Another value of the first gate."""
        view = self.renewed()
        assert view is not None
        first, *rest = view.gates
        changed = replace(view, gates=(replace(first, now=f"{value} ms"), *rest))
        self.play(lambda picture: replace(picture, rollout=changed))
        self.do_settle()

    def do_step(self, lines: str) -> None:
        """A step of the run that is open prints so many lines more; the first time it is started."""
        played = self.desk.runbooks
        run = next(iter(played.all_runs))
        if not any(step.attempts for step in played.all_runs[run].steps):
            played.play_step(run, 2)
        played.say(2, *(f"\x1b[32mline\x1b[0m {number}" for number in range(int(lines))))
        self.do_settle()

    def do_memory(self, megabytes: str) -> None:
        stats = self.desk.picture.redis.value
        assert stats is not None
        changed = replace(stats, used=int(megabytes) * 1_000_000)
        self.play(lambda picture: replace(picture, redis=picture.redis.good(changed, self.now)))
        self.do_settle()

    def do_alert(self, value: str) -> None:
        first, *rest = self.desk.picture.alerts.alerts
        changed = (replace(first, value=value), *rest)
        self.play(lambda picture: replace(picture, alerts=replace(picture.alerts, alerts=changed)))
        self.do_settle()

    def do_pods(self, ready: str) -> None:
        deployed = self.desk.picture.deployed
        assert deployed is not None
        first, *rest = deployed.versions
        versions = (replace(first, ready=int(ready)), *rest)
        self.play(lambda picture: replace(picture, deployed=replace(deployed, versions=versions)))
        self.do_settle()

    def do_wait(self, seconds: str) -> None:
        """Let the clock jump; the app's own second shows it."""
        self.now += timedelta(seconds=int(seconds))

    def do_log(self, count: str) -> None:
        self.desk.log(pictures.log_lines(int(count), first=self.next_line))
        self.next_line += int(count)
        self.do_settle()

    def do_storm(self, per_second: str) -> None:
        """Log lines at this rate, told 15 times a second, until `calm`."""
        self.storming.set()

        def run() -> None:
            batch = max(int(per_second) // 15, 1)
            while self.storming.is_set():
                self.desk.log(pictures.log_lines(batch, first=self.next_line))
                self.next_line += batch
                time.sleep(1 / 15)

        threading.Thread(target=run, daemon=True).start()

    def do_calm(self) -> None:
        self.storming.clear()

    def do_flood(self, count: str) -> None:
        """Pictures as fast as they can be made, each with another memory; not waited for."""
        stats = self.desk.picture.redis.value
        assert stats is not None
        for number in range(int(count)):
            changed = replace(stats, used=600_000_000 + number * 1_000_000)
            self.desk.play(replace(self.desk.picture, redis=self.desk.picture.redis.good(changed, self.now)))

    def do_size(self) -> str:
        """The process's memory in kB, now."""
        with open("/proc/self/statm") as statm:  # noqa: PTH123
            return str(int(statm.read().split()[1]) * resource.getpagesize() // 1024)

    def do_tick(self, seconds: str) -> str:
        """Seconds pass one by one, with an unchanged poll every other; answers when the last is painted."""
        for number in range(int(seconds)):
            self.now += timedelta(seconds=1)
            self.app.call_from_thread(cast(Place, self.app.screen).tick, self.now)
            if number % 2:
                self.do_poll()
        self.do_settle()
        return f"{self.now:%H:%M:%SZ}"

    def do_repaint(self, times: str) -> str:
        """Paint everything again and again; answers how many bytes wait for the terminal."""
        for _ in range(int(times)):
            self.app.call_from_thread(self.app.paint_again)
            self.do_settle()
        driver = self.app._driver
        assert isinstance(driver, ConsoleDriver)
        assert driver._outlet is not None
        return str(driver._outlet._size)

    def do_refresh(self) -> None:
        """Have Textual paint the whole screen although nothing has changed."""
        self.app.call_from_thread(lambda: self.app.refresh() and None)
        self.do_settle()

    def do_text(self) -> str:
        """What the application believes to be on the screen, as JSON."""
        self.do_settle()
        return json.dumps([strip.text.rstrip() for strip in self.app.screen._compositor.render_strips()])

    def do_asked(self) -> str:
        return repr(self.desk.asked)

    def do_runbooks(self) -> str:
        return repr(self.desk.runbooks.asked)

    def do_crash(self) -> None:
        def broken() -> None:
            secret = "hunter2"
            raise RuntimeError(f"a bug, not {len(secret)}")

        self.app.call_from_thread(lambda: self.app.call_later(broken) and None)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("incoming", type=int)
    parser.add_argument("outgoing", type=int)
    parser.add_argument("picture")
    parser.add_argument("lines", type=int)
    parser.add_argument("--ascii", action="store_true")
    parser.add_argument("--mouse", action="store_true")
    parser.add_argument("--theme")
    options = parser.parse_args()
    player = Player(options.picture, options.lines, options)
    threading.Thread(target=player.serve, args=(options.incoming, options.outgoing), daemon=True).start()
    player.app.run()
    os.write(options.outgoing, f"{player.desk.asked!r}\n".encode())
    return player.app.return_code or 0


if __name__ == "__main__":
    sys.exit(main())
