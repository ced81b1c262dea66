"""`runbook check|list|show|runs|export`, and `run` without a terminal, as a script uses them."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from console.cli import main


@dataclass(frozen=True)
class Said:
    """What a command has printed, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Said]

LOOK = """# Look

## First

```bash
echo "hello" '<name>'
```

- [ ] the pods are well

## Then

```bash {timeout=30s}
rm -rf FOLDER/gone
```

```json
{"a": 1}
```

```bash
{"labelled": "bash", "but": "json"}
```
"""
READS = "# Reads\n\n```bash\nx=41\n```\n\n```bash\necho $((x + 1)) hunter2; echo AKIAIOSFODNN7EXAMPLE\n```\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "system.yaml").write_text("name: tiny\nenvironments:\n  test: {tone: staging}\n")
    (folder / "look.md").write_text(LOOK.replace("FOLDER", str(tmp_path)))
    (folder / "reads.md").write_text(READS)
    return folder


@pytest.fixture
def run(folder: Path) -> Run:
    def run_one(*arguments: str, system: bool = True) -> Said:
        where = ("--system", str(folder)) if system else ()
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(["runbook", *arguments, *where])
            except SystemExit as left:
                code = int(left.code or 0)
        return Said(code, out.getvalue(), err.getvalue())

    return run_one


def only_run(run: Run) -> dict[str, object]:
    (found,) = json.loads(run("runs", "--json").stdout)["runs"]
    return dict(found)


def test_check_says_what_it_sees_with_lines_and_needs_no_system(run: Run, folder: Path) -> None:
    path = folder / "look.md"
    said = run("check", str(path), system=False)
    assert said.returncode == 0, said.stderr
    lines = said.stdout.splitlines()
    assert lines[0] == f"{path}:5  command  reads     echo \"hello\" '<name>'  asks for <name>"
    assert lines[1].startswith(f"{path}:9  check    reads     the pods are well")
    assert lines[2].startswith(f"{path}:13  command  destroys  rm -rf ")
    assert lines[4].startswith(f"{path}:21  ") and "not run: " in lines[4]
    assert len(lines) == 5


def test_check_as_json_has_exactly_the_promised_shape(run: Run, folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "broken.md").write_bytes(b"# x\n\n\xff\xfe\n")
    said = run("check", "--json", str(folder), system=False)
    body = json.loads(said.stdout)
    assert list(body) == ["files"]
    assert [Path(file["path"]).name for file in body["files"]] == ["look.md", "reads.md", "broken.md"]
    for file in body["files"]:
        assert list(file) == ["path", "steps", "faults"]
        for step in file["steps"]:
            assert list(step) == ["line", "kind", "runnable", "why_not", "danger", "placeholders", "path"]
    first = body["files"][0]["steps"]
    assert [(step["line"], step["kind"], step["runnable"]) for step in first] == [
        (5, "command", True),
        (9, "check", False),
        (13, "command", True),
        (17, "note", False),
        (21, first[4]["kind"], False),
    ]
    assert first[0]["placeholders"] == ["<name>"] and first[0]["path"] == ["Look", "First"]
    assert (first[2]["danger"], first[4]["why_not"] != "") == ("destroys", True)
    assert said.returncode == 1
    (fault,) = body["files"][2]["faults"]
    assert fault["line"] == 3 and "UTF-8" in fault["fault"]


def test_check_of_what_is_not_there_is_a_sentence(run: Run, folder: Path, tmp_path: Path) -> None:
    said = run("check", str(tmp_path / "no.md"), system=False)
    assert said.returncode == 2 and said.stderr.endswith("no.md: there is no such file or folder\n")
    (tmp_path / "empty").mkdir()
    assert run("check", str(tmp_path / "empty"), system=False).returncode == 2
    assert run("check", system=False).returncode == 2
    (tmp_path / "prose.md").write_text("only prose\n")
    prose = run("check", str(tmp_path / "prose.md"), system=False)
    assert prose.returncode == 0 and "no step in it" in prose.stdout


def test_check_changes_and_runs_nothing(run: Run, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    before = (folder / "look.md").read_bytes()
    run("check", str(folder), system=False)
    run("show", "look")
    assert (tmp_path / "gone").exists() and (folder / "look.md").read_bytes() == before
    assert not (tmp_path / "state" / "tiny" / "runs").exists()


def test_show_lists_the_steps_by_name_or_path(run: Run, folder: Path) -> None:
    said = run("show", "look")
    assert said.returncode == 0, said.stderr
    assert "Look › First" in said.stdout and "  1. line 5    command reads    echo" in said.stdout
    assert "asks for <name>" in said.stdout and "timeout 30s" in said.stdout
    assert run("show", str(folder / "look.md"), system=False).stdout == said.stdout
    wrong = run("show", "lok")
    assert wrong.returncode == 2 and "did you mean look?" in wrong.stderr
    assert "Traceback" not in run("show", "lok", system=False).stderr


def test_a_check_is_shown_and_exported_with_its_whole_text(run: Run, folder: Path) -> None:
    whole = "the replica is caught up with the primary, its lag is below one second, and two people have seen it so"
    (folder / "long.md").write_text(f"# Long\n\n- [ ] {whole}\n")
    assert whole in run("show", "long").stdout
    walked = run("run", "long")
    assert walked.returncode == 3 and whole in walked.stdout
    assert whole in run("export", str(only_run(run)["id"])).stdout


def test_any_file_is_walked_where_no_system_was_ever_used(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "any.md"
    path.write_text("# Any\n\n```bash\necho it ran\n```\n")
    walked = run("run", str(path), "--yes-reads", system=False)
    assert walked.returncode == 0, walked.stderr
    assert "system local, environment here" in walked.stdout.splitlines()[0] and "it ran" in walked.stdout
    (found,) = json.loads(run("runs", "--json", system=False).stdout)["runs"]
    assert "it ran" in run("export", found["id"], system=False).stdout
    assert run("export", found["id"], "--system", "local", system=False).returncode == 0
    assert run("run", str(path), "--env", "production", system=False).returncode == 2
    assert "local has no runbook; name a file, or a --system" in run("list", system=False).stdout


def test_what_is_only_shown_is_counted_in_no_list(run: Run, folder: Path) -> None:
    (folder / "noted.md").write_text("# Noted\n\n```bash\necho it ran\n```\n\n```yaml\nonly: shown\n```\n")
    walked = run("run", "noted", "--yes-reads")
    assert walked.returncode == 0 and "1 of 1 steps are settled" in walked.stdout, walked.stderr
    assert "1 of 1 done" in run("runs").stdout and "1 of 1 done" in run("list").stdout
    assert "- Steps: 1 of 1 settled (1 ran)" in run("export", str(only_run(run)["id"])).stdout


def test_a_file_belongs_to_the_system_of_its_folder_then_to_the_one_used_last(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "any.md"
    path.write_text("# Any\n\n```bash\ntrue\n```\n")
    inside = run("run", str(folder / "reads.md"), "--yes-reads", system=False)
    assert "system tiny, environment test" in inside.stdout.splitlines()[0]
    outside = run("run", str(path), "--yes-reads", system=False)
    assert "system tiny, environment test" in outside.stdout.splitlines()[0]
    folder.rename(tmp_path / "away")
    first = run("run", str(path), "--yes-reads", system=False).stdout.splitlines()[0]
    assert "system local, environment here" in first
    (tmp_path / "away").rename(folder)
    assert run("export", first.split()[-1], system=False).returncode == 0, "it is found without its system's name"


def test_a_folder_is_called_one(run: Run, folder: Path) -> None:
    for verb in ("show", "run"):
        assert f"{folder} is a folder" in run(verb, str(folder)).stderr


def test_a_run_without_a_terminal_goes_as_far_as_it_may_and_says_why_it_stops(run: Run, folder: Path) -> None:
    refused = run("run", "reads")
    assert refused.returncode == 3, refused.stderr
    assert "step 1 (line 3) needs a person: it only reads; --yes-reads" in refused.stderr
    asked = run("run", "look", "--yes-reads")
    assert asked.returncode == 3 and "step 1 (line 5) needs a person: it asks for <name>" in asked.stderr
    ticked = run("run", "look", "--yes-reads", "--values", "name=bob")
    assert ticked.returncode == 3 and "step 2 (line 9) needs a person: it is to be ticked" in ticked.stderr
    assert "hello bob" in ticked.stdout
    typed = run("run", "look", "--yes-reads", "--from", "3")
    assert typed.returncode == 3 and "is to be typed" in typed.stderr
    said = run("list")
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith("look   ") and said.stdout.count("open: ") == 4


def test_a_run_to_its_end_is_resumed_listed_and_exported_without_a_secret(run: Run, folder: Path) -> None:
    whole = run("run", "reads", "--yes-reads")
    assert whole.returncode == 0, whole.stdout + whole.stderr
    assert "42 hunter2" in whole.stdout and "AKIA" not in whole.stdout
    found = only_run(run)
    assert found["here"] in (1, 2) and [step["mark"] for step in found["steps"]] == ["ran", "ran"]  # type: ignore[attr-defined]
    proof = folder / "proof.markdown"
    wrote = run("export", str(found["id"]), "-o", str(proof))
    assert (wrote.returncode, wrote.stdout) == (0, f"wrote {proof}\n")
    assert "42 hunter2" in proof.read_text() and "AKIA" not in proof.read_text()
    assert run("export", str(found["id"])).stdout == proof.read_text()
    again = run("export", str(found["id"]), "-o", str(proof))
    assert again.returncode == 2 and "is there already" in again.stderr
    nothing = run("export", "20200101-0000-reads-abcd")
    assert nothing.returncode == 2 and "there is no run 20200101-0000-reads-abcd of tiny" in nothing.stderr
    resumed = run("run", "--resume", str(found["id"]))
    assert resumed.returncode == 0, resumed.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run",), "say which runbook, or which run"),
        (("run", "look", "--resume", "x"), "one of them"),
        (("run", "look", "--values", "name"), "is no value; write NAME=VALUE"),
        (("run", "look", "--values", "nom=x"), "is not asked for by look.md"),
        (("run", "look", "--from", "77"), "has no step 77"),
        (("run", "--resume", "no-such"), "there is no run no-such of tiny"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(run: Run, arguments: tuple[str, ...], said: str) -> None:
    refused = run(*arguments)
    assert refused.returncode == 2 and said in refused.stderr and "Traceback" not in refused.stderr
    assert not json.loads(run("runs", "--json").stdout)["runs"] or "never begun" in run("runs").stdout


def test_a_secret_is_not_taken_from_a_command_line(run: Run, folder: Path) -> None:
    (folder / "secret.md").write_text("# S\n\n```bash\nredis-cli -a <password> ping\n```\n")
    refused = run("run", "secret", "--yes-reads", "--values", "<password>=hunter2")
    assert refused.returncode == 2 and "is a secret and is asked for" in refused.stderr
    kept = [path for path in (folder.parent / "state").rglob("*") if path.is_file()]
    assert kept and not [path for path in kept if b"hunter2" in path.read_bytes()]


def test_help_shows_examples_and_exit_codes(run: Run) -> None:
    said = run("--help", system=False).stdout
    assert "examples:" in said and "exit codes of check: 0 no fault" in said
    assert run(system=False).returncode == 2


def test_names_of_runbooks_and_runs_are_completed(run: Run, folder: Path, tmp_path: Path) -> None:
    assert run("run", "reads", "--yes-reads").returncode == 0
    known = str(only_run(run)["id"])

    def completed(line: str) -> list[str]:
        out = tmp_path / "completions"
        out.unlink(missing_ok=True)
        environ = {
            **os.environ,
            "_ARGCOMPLETE": "1",
            "_ARGCOMPLETE_STDOUT_FILENAME": str(out),
            "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "_ARGCOMPLETE_IFS": "\n",
        }
        subprocess.run([sys.executable, "-m", "console.cli"], env=environ, check=False, timeout=30, cwd=tmp_path)
        return out.read_text().split()

    assert "look" in completed(f"hakgal-console runbook show --system {folder} lo")
    assert completed(f"hakgal-console runbook export --system {folder} 2") == [known]
