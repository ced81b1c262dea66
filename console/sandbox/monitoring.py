"""Prometheus and Alertmanager beside the sandbox, where they are installed."""

from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from console.sandbox.children import Child, Children, free_port, tail

if TYPE_CHECKING:
    import aiohttp

SCRAPE_EVERY = "1s"
HOST = "127.0.0.1"


class Server:
    """One monitoring program: started, then answering or given up."""

    def __init__(self, name: str, child: Child, port: int) -> None:
        self.name = name
        self.child = child
        self.port = port

    @property
    def url(self) -> str:
        """The root of its HTTP API."""
        return f"http://{HOST}:{self.port}"

    async def ready(self, http: aiohttp.ClientSession, within: float) -> str:
        """Wait until it says it is ready; gives the sentence why it is not, else an empty text."""
        import aiohttp

        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if not self.child.running:
                return f"{self.name} ended at once: {tail(self.child.log)}"
            try:
                async with http.get(f"{self.url}/-/ready", timeout=aiohttp.ClientTimeout(total=1)) as answer:
                    if answer.status == 200:
                        return ""
            except (aiohttp.ClientError, TimeoutError, OSError):
                pass
            await asyncio.sleep(0.03)
        return f"{self.name} was not ready within {within:.0f} s: {tail(self.child.log)}"


def find_prometheus() -> str | None:
    """The program, if it is on PATH."""
    return shutil.which("prometheus")


def find_alertmanager() -> str | None:
    """The program, if it is on PATH; Debian calls it prometheus-alertmanager."""
    return shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")


def start_prometheus(
    children: Children, program: str, folder: Path, targets_url: str, alertmanager_port: int | None
) -> Server:
    """Start Prometheus on a free port; it learns its targets from `targets_url`. The folder's name is the child's."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "prometheus.yml"
    alerting = f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{HOST}:{alertmanager_port}']}}]}}]}}\n"
    settings.write_text(
        f"global: {{scrape_interval: {SCRAPE_EVERY}, scrape_timeout: 1s, evaluation_interval: {SCRAPE_EVERY}}}\n"
        + (alerting if alertmanager_port else "")
        + "scrape_configs:\n"
        + f"  - job_name: sandbox\n    http_sd_configs: [{{url: '{targets_url}', refresh_interval: 1s}}]\n"
    )
    port = free_port(HOST)
    command = [
        program,
        f"--config.file={settings}",
        f"--storage.tsdb.path={folder / 'data'}",
        "--storage.tsdb.retention.time=1d",
        f"--web.listen-address={HOST}:{port}",
        "--log.level=warn",
        # Hidden, and in every version since 2.41: without it new pods are scraped up to ten seconds late.
        "--scrape.discovery-reload-interval=1s",
    ]
    child = children.spawn(folder.name, command, log=folder / "prometheus.log", folder=folder)
    return Server("prometheus", child, port)


def start_alertmanager(children: Children, program: str, folder: Path) -> Server:
    """Start Alertmanager on a free port, with one receiver that tells nobody."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "alertmanager.yml"
    settings.write_text("route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")
    port = free_port(HOST)
    command = [
        program,
        f"--config.file={settings}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
    child = children.spawn("alertmanager", command, log=folder / "alertmanager.log", folder=folder)
    return Server("alertmanager", child, port)
