"""A real Prometheus that holds samples of the test's choosing, and what it answers."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from console.sources.promql.dialect import Dialect, dialect_of
from console.sources.promql.labels import Labels
from tests.conftest import free_port, program, wait_until
from tests.sources.promql.world import Made, as_openmetrics

Answers = dict[int, dict[Labels, float]]


@dataclass
class Oracle:
    """A running Prometheus."""

    port: int
    process: subprocess.Popen[bytes]
    folder: Path
    dialect: Dialect | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def call(self, path: str, **parameters: str) -> dict[str, Any]:
        """The API's JSON, also of an error."""
        body = urllib.parse.urlencode(parameters).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", data=body if parameters else None)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))

    def range(self, query: str, start: int, end: int, step: int) -> Answers | str:
        """Values by time in ms and labels, or the error's text."""
        answer = self.call(
            "query_range", query=query, start=f"{start / 1000}", end=f"{end / 1000}", step=f"{step / 1000}"
        )
        if answer["status"] != "success":
            return str(answer["error"])
        found: Answers = {at: {} for at in range(start, end + 1, step)}
        for each in answer["data"]["result"]:
            labels = tuple(sorted(each["metric"].items()))
            for at, value in each["values"]:
                found[round(at * 1000)][labels] = float(value)
        return found

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def start_prometheus(folder: Path, config: str = "global: {}\n", made: list[Made] | None = None) -> Oracle:
    """A Prometheus on a free port; made: what its database holds from the start."""
    folder.mkdir(parents=True, exist_ok=True)
    if made:
        text = folder / "samples.txt"
        text.write_text(as_openmetrics(made))
        command = [program("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(folder / "data")]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    settings = folder / "prometheus.yml"
    settings.write_text(config)
    port = free_port()
    process = subprocess.Popen(
        [
            program("prometheus"),
            f"--config.file={settings}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            f"--web.listen-address=127.0.0.1:{port}",
            "--web.enable-remote-write-receiver",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    oracle = Oracle(port, process, folder)

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{oracle.url}/-/ready", timeout=1):
                return True
        except OSError:
            return False

    try:
        wait_until(ready, what="Prometheus being ready")
        version = oracle.call("status/buildinfo")["data"]["version"]
        oracle.dialect = dialect_of(version)
    except BaseException:
        oracle.stop()
        raise
    return oracle
