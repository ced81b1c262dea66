"""The command line, as a person or a script runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import redis

from console.journal.journal import Journal
from tests.conftest import RedisServer, wait_until
from tests.engine_world import TinyWorld, tiny_world


@pytest.fixture
def world(tmp_path: Path, redis_server: RedisServer) -> Iterator[TinyWorld]:
    world = tiny_world(tmp_path, redis_server)
    yield world
    world.close()


def run(*arguments: str, within: float = 30.0) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "console.cli", *arguments], capture_output=True, text=True, timeout=within
    )


def test_status_says_what_is_and_exits_by_it(world: TinyWorld) -> None:
    said = run("status", "--system", str(world.system))
    assert said.returncode == 0, said.stdout + said.stderr
    assert "tiny ▸ TEST" in said.stdout and "redis      memory" in said.stdout
    told = json.loads(run("--system", str(world.system), "status", "--json").stdout)
    assert told["environment"] == "test"
    assert {source["name"]: source["state"] for source in told["sources"]} == {
        "redis": "live",
        "prometheus": "not configured",
        "kubernetes": "not configured",
        "logs": "live",
        "health": "live",
    }
    world.redis.kill()
    failed = run("status")
    assert failed.returncode == 1
    assert f"127.0.0.1:{world.redis.port}" in failed.stdout and "0 (" not in failed.stdout


def test_a_failing_health_check_is_not_called_well(world: TinyWorld) -> None:
    world.system.write_text(
        world.system.read_text().replace(f"tcp://127.0.0.1:{world.redis.port}", "tcp://127.0.0.1:1")
    )
    said = run("status", "--system", str(world.system))
    assert said.returncode == 1, said.stdout
    assert "source     health: failed store:" in said.stdout and "source     redis: live" in said.stdout


def test_nothing_that_is_unknown_is_left_out_or_called_zero(tmp_path: Path) -> None:
    system = tmp_path / "system.yaml"
    (tmp_path / "quiet.log").write_text("")
    system.write_text(
        "name: blind\nenvironments:\n  test:\n    tone: staging\n    kubernetes: {kubeconfig: /nowhere/kubeconfig,"
        " namespace: blind, workloads: [{deployment: web}]}\n    logs: [{file: " + str(tmp_path / "quiet.log") + "}]\n"
        "log_patterns:\n  errors: {title: errors, pattern: ERROR}\n"
    )
    said = run("status", "--system", str(system))
    assert said.returncode == 1, said.stdout + said.stderr
    assert "deployed   unknown: kubernetes" in said.stdout
    assert "no line came while this command looked" in said.stdout and "errors 0" not in said.stdout


def test_a_bypass_is_granted_shown_and_revoked_from_the_command_line(world: TinyWorld) -> None:
    where = ("--system", str(world.system))
    assert run("bypass", "status", *where).returncode == 0
    wrong = run("bypass", "grant", "--reason", "false positives", "--confirm", "tinny", *where)
    assert wrong.returncode == 2 and "nothing was done" in wrong.stderr
    assert run("bypass", "grant", "--reason", "why", "--confirm", "tiny", "--read-only", *where).returncode == 2
    assert run("--read-only", "bypass", "grant", "--reason", "why", "--confirm", "tiny", *where).returncode == 2
    granted = run("bypass", "grant", "--reason", "false positives", "--minutes", "2", "--confirm", "tiny", *where)
    assert granted.returncode == 0 and "BYPASS ON until" in granted.stdout
    status = run("bypass", "status", *where)
    assert status.returncode == 1 and '"false positives"' in status.stdout
    revoked = run("bypass", "revoke", *where)
    assert revoked.returncode == 0 and "BYPASS OFF" in revoked.stdout
    assert run("bypass", "status", *where).returncode == 0


def test_a_killed_console_does_not_prolong_its_bypass(world: TinyWorld) -> None:
    client = redis.Redis(port=world.redis.port)
    script = (
        "import sys, time; from datetime import timedelta; from pathlib import Path;"
        "from console.engine.engine import Engine; from console.systems.loader import load_system;"
        "system = load_system(Path(sys.argv[1]));"
        "engine = Engine(system, system.environments[0], folder=Path(sys.argv[2]));"
        "engine.observe(timedelta(seconds=10));"
        "engine.grant_bypass('killed in mid-air', timedelta(seconds=3), 'tiny'); time.sleep(60)"
    )
    (world.folder / "killed").mkdir()
    console = subprocess.Popen([sys.executable, "-c", script, str(world.system), str(world.folder / "killed")])
    wait_until(lambda: client.pttl("tiny:bypass") > 0, what="the grant")  # type: ignore[operator]
    before = int(client.pttl("tiny:bypass"))  # type: ignore[arg-type]
    console.send_signal(signal.SIGKILL)
    console.wait()
    assert before <= 3000
    lasting = [before]

    def gone() -> bool:
        left = int(client.pttl("tiny:bypass"))  # type: ignore[arg-type]
        lasting.append(left)
        return left == -2

    wait_until(gone, within=before / 1000 + 1.0, what="the end of the bypass")
    assert all(later <= sooner for sooner, later in pairwise(lasting))
    client.close()


def test_check_prints_every_fault_with_its_line(tmp_path: Path) -> None:
    broken = tmp_path / "system.yaml"
    broken.write_text("name: x\nmetrics:\n  a: {unit: parsec}\nalerts:\n  b: {when: a > 5 parsec}\n")
    said = run("check", str(broken))
    assert said.returncode == 1
    lines = said.stdout.splitlines()
    assert len(lines) >= 3 and all(line.startswith(f"{broken}:") for line in lines), said.stdout
    shipped = run("check", "hak-gal")
    assert shipped.returncode == 0 and "no fault" in shipped.stdout
    unknown = run("check", "hak-gall")
    assert unknown.returncode == 2 and "hak-gal" in unknown.stderr


def test_a_system_that_is_not_there_is_one_sentence_and_no_traceback(tmp_path: Path) -> None:
    said = run("status", "--system", "lexicon-of-nothing")
    assert said.returncode == 2
    assert "Traceback" not in said.stderr and len(said.stderr.splitlines()) == 1


def test_the_console_without_a_terminal_says_what_to_use_instead() -> None:
    said = run()
    assert said.returncode == 2 and "needs a terminal" in said.stderr


def test_doctor_tells_each_connection_and_folder_apart(world: TinyWorld) -> None:
    said = run("doctor", "--system", str(world.system))
    assert said.returncode == 0, said.stdout + said.stderr
    findings = json.loads(run("doctor", "--system", str(world.system), "--json").stdout)["findings"]
    names = {finding["name"]: finding["state"] for finding in findings}
    assert names["redis"] == "ok" and names["state"] == "ok" and names["kubernetes"] == "-"
    world.redis.kill()
    failed = run("doctor", "--system", str(world.system))
    assert failed.returncode == 1
    assert f"127.0.0.1:{world.redis.port}" in failed.stdout


def test_doctor_finds_two_environments_on_one_redis(world: TinyWorld) -> None:
    text = world.system.read_text()
    twin = text.replace(
        "  test:", "  other:\n    tone: production\n    redis: {host: localhost, port: PORT, tls: false}\n  test:"
    )
    world.system.write_text(twin.replace("PORT", str(world.redis.port)))
    said = run("doctor", "--system", str(world.system), "--env", "test")
    assert said.returncode == 1
    assert "other and test share one Redis" in said.stdout


def test_secrets_are_in_no_file_the_console_writes(world: TinyWorld, tmp_path: Path) -> None:
    secret = "corr3ct-h0rse-battery"
    client = redis.Redis(port=world.redis.port)
    client.config_set("requirepass", secret)
    client.close()
    world.system.write_text(
        world.system.read_text().replace("tls: false", "tls: false, password: '${REDIS_CLOUD_PASSWORD}'")
    )
    environment = {**os.environ, "REDIS_CLOUD_PASSWORD": secret}
    command = [sys.executable, "-m", "console.cli", "status", "--json", "--system", str(world.system)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=30, env=environment)
    assert json.loads(said.stdout)["redis"]["value"]["used"] > 0
    assert secret not in said.stdout + said.stderr
    without = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert without.returncode == 1 and "REDIS_CLOUD_PASSWORD" in without.stdout
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "journal.db" for path in written)
    assert not [path for path in written if secret.encode() in path.read_bytes()]


def test_every_command_leaves_its_coming_and_going_in_the_journal(world: TinyWorld) -> None:
    run("status", "--system", str(world.system))
    path = Path(os.environ["HAKGAL_STATE_DIR"]) / "tiny" / "journal.db"
    from console.engine.engine import utc_now

    journal = Journal.open(path, clock=utc_now)
    assert [event.kind for event in journal.events()] == ["console.started", "console.stopped"]
    journal.close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_completion_is_printed_for_each_shell() -> None:
    for shell in ("bash", "zsh", "fish"):
        said = run("completion", shell)
        assert said.returncode == 0 and "hakgal-console" in said.stdout


def test_a_state_folder_that_cannot_be_made_is_one_sentence(world: TinyWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HAKGAL_STATE_DIR", "/proc/nowhere")
    said = run("status", "--system", str(world.system))
    assert said.returncode == 2 and "HAKGAL_STATE_DIR" in said.stderr
    assert len(said.stderr.splitlines()) == 1


def test_a_change_asks_which_of_several_environments_and_not_what_was_used_last(world: TinyWorld) -> None:
    text = world.system.read_text()
    other = (
        f"  other:\n    tone: production\n    redis: {{host: localhost, port: {world.redis.port}, tls: false}}\n  test:"
    )
    world.system.write_text(text.replace("  test:", other))
    where = ("--system", str(world.system))
    run("status", *where, "--env", "other")
    refused = run("bypass", "grant", "--reason", "false positives", "--confirm", "tiny", *where)
    assert refused.returncode == 2 and "--env with one of other, test" in refused.stderr
    assert run("bypass", "status", *where).returncode == 0, "looking needs no name"
    assert run("rollback", *where, "--confirm", "tiny").returncode == 2


def test_warnings_go_to_a_file_of_ones_own_and_not_over_the_screen(tmp_path: Path) -> None:
    script = (
        "import logging, sys; from pathlib import Path; from console.commands.logbook import keep_log;"
        "keep_log(Path(sys.argv[1])); logging.getLogger('urllib3').warning('the pool is full')"
    )
    said = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True)
    assert (said.stdout, said.stderr) == ("", "")
    log = tmp_path / "console.log"
    assert "the pool is full" in log.read_text() and log.stat().st_mode & 0o777 == 0o600
    nowhere = subprocess.run([sys.executable, "-c", script, "/proc/nowhere"], capture_output=True, text=True)
    assert (nowhere.returncode, nowhere.stdout, nowhere.stderr) == (0, "", "")
