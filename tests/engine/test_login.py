"""Logging in to a cluster by the command that a kubeconfig names: once, before the screen has the terminal."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from console.engine.engine import Engine
from console.systems.kubernetes_credentials import names_login
from console.systems.loader import load_system
from tests.engine_world import seen

KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: test
clusters: [{{name: test, cluster: {{server: "http://127.0.0.1:9"}}}}]
contexts: [{{name: test, context: {{cluster: test, user: test}}}}]
users:
  - name: test
    user:
      {user}
"""

SYSTEM = """
name: login
environments:
  test:
    tone: staging
    kubernetes: {kubeconfig: kubeconfig, namespace: web, workloads: [{deployment: web}]}
"""


def engine_on(folder: Path, user: str) -> Engine:
    (folder / "kubeconfig").write_text(KUBECONFIG.format(user=user))
    (folder / "system.yaml").write_text(SYSTEM)
    system = load_system(folder)
    return Engine(system, system.environments[0], folder=folder, environ={}, interval=timedelta(seconds=0.2))


def command(folder: Path, script: str) -> str:
    program = folder / "login"
    program.write_text(f"#!/bin/sh\necho called >> {folder}/calls\n{script}\n")
    program.chmod(0o755)
    return f"exec: {{apiVersion: client.authentication.k8s.io/v1, command: {program}, interactiveMode: IfAvailable}}"


def test_a_login_that_fails_is_said_once_and_not_tried_again_under_the_screen(tmp_path: Path) -> None:
    engine = engine_on(tmp_path, command(tmp_path, "echo no such account >&2; exit 1"))
    said: list[str] = []
    engine.log_in(said.append)
    assert said[0].startswith("logging in to the cluster of test") and len(said) == 2
    before = (tmp_path / "calls").read_text()
    engine.start()
    picture = seen(engine, lambda picture: picture.cluster.error)
    engine.refresh()
    seen(engine, lambda later: later.cluster.error_at != picture.cluster.error_at, what="a second attempt")
    engine.stop("the test ended")
    assert picture.cluster.error == said[1]
    assert (tmp_path / "calls").read_text() == before


def test_a_kubeconfig_without_a_command_logs_nobody_in(tmp_path: Path) -> None:
    engine = engine_on(tmp_path, "token: abc")
    said: list[str] = []
    engine.log_in(said.append)
    assert not said


@pytest.mark.parametrize("text", ["", "users: 3", "users: [{name: x}]", "{", "\x00"])
def test_a_file_that_is_no_kubeconfig_names_no_login(tmp_path: Path, text: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    assert not names_login(path)
