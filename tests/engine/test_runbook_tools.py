"""The folders of `tools:` stand in front of PATH, in one environment only."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from console.systems.faults import BrokenFile
from console.systems.loader import load_system
from console.walkthrough.variables import block_environment

SYSTEM = """name: tooled
environments:
  practice:
    tone: sandbox
    tools: [bin, ./more]
  staging:
    tone: staging
"""


def described(folder: Path) -> Path:
    for name in ("bin", "more"):
        (folder / name).mkdir()
        program = folder / name / "whoruns"
        program.write_text(f"#!/bin/sh\necho {name}\n")
        program.chmod(0o755)
    path = folder / "system.yaml"
    path.write_text(SYSTEM)
    return path


def test_the_first_folder_wins_and_other_environments_do_not_see_it(tmp_path: Path) -> None:
    system = load_system(described(tmp_path), environ={})
    practice, staging = system.environments
    environ = block_environment(system, practice, None, {"PATH": "/usr/bin:/bin"})
    assert environ["PATH"] == f"{tmp_path}/bin:{tmp_path}/more:/usr/bin:/bin"
    said = subprocess.run(["bash", "-c", "whoruns; command -v ls"], env=environ, capture_output=True, text=True)
    assert said.stdout.splitlines()[0] == "bin" and said.stdout.splitlines()[1].endswith("/ls")
    assert block_environment(system, staging, None, {"PATH": "/bin"})["PATH"] == "/bin"
    assert "/bin" in block_environment(system, practice, None, {})["PATH"].split(":"), "a lost PATH loses no program"


def test_a_folder_that_is_not_there_is_a_fault_at_its_line(tmp_path: Path) -> None:
    path = described(tmp_path)
    path.write_text(SYSTEM.replace("[bin, ./more]", "\n      - bin\n      - nowhere"))
    with pytest.raises(BrokenFile) as broken:
        load_system(path, environ={})
    assert f"{path}:7: there is no folder {tmp_path / 'nowhere'}" in str(broken.value)
