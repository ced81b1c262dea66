"""A run as Markdown: everything that happened, whatever was printed, and no secret."""

from __future__ import annotations

import dataclasses
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from console.core.runbooks.document import Runbook, Step, StepKind
from console.core.runbooks.runs import Attempt, Mark, Note, Run, StepRun
from console.walkthrough.export import FIRST, LAST, run_as_markdown
from console.walkthrough.redaction.redact import BLOT

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TEXT = "# Storm\n\n```sh\nredis-cli -h <host> INFO\n```\n\n- [ ] told the team\n\n```sh\nmake back\n```\n"


def block(number: int, line: int, written: str, kind: StepKind = StepKind.COMMAND) -> Step:
    return Step(number, line, line, kind, ("Storm", "Look *here*"), written, "sh", written, written, True)


def attempt(folder: str = "01-1", **more: object) -> Attempt:
    made = Attempt(1, folder, "redis-cli -h db INFO", AT, "ann", Mark.RAN, AT, timedelta(seconds=1.25), 0, "it ended")
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def book(path: Path) -> Runbook:
    steps = (
        block(1, 3, "redis-cli -h <host> INFO"),
        block(2, 7, "told the team", StepKind.CHECK),
        block(3, 9, "make back"),
    )
    return Runbook(path, "Storm", TEXT, "d" * 64, steps)


def run_of(path: Path, *attempts: Attempt, **more: object) -> Run:
    steps = (
        StepRun(1, 3, "redis-cli INFO", Mark.RAN, attempts=attempts, notes=(Note(AT, "ann", "as *seen*"),)),
        StepRun(2, 7, "told the team", Mark.TICKED, settled_by="bob", settled_at=AT, kind=StepKind.CHECK),
        StepRun(3, 9, "make back", Mark.SKIPPED, reason="not needed | at all", settled_by="bob", settled_at=AT),
    )
    made = Run("20260102-0304-storm-abcd", "hak-gal", "staging", path, "Storm", "d" * 64, AT, "ann", steps)
    return dataclasses.replace(made, **more)  # type: ignore[arg-type]


def printed(folder: Path, output: str, name: str = "01-1") -> None:
    (folder / name).mkdir(exist_ok=True)
    (folder / name / "transcript.log").write_bytes(output.encode("utf-8", "surrogatepass"))


def blocks(text: str) -> list[str]:
    return [token.content for token in MarkdownIt().parse(text) if token.type == "fence"]


def test_a_run_is_told_in_order_with_who_when_and_what_came(tmp_path: Path) -> None:
    printed(tmp_path, "\x1b[32mused_memory\x1b[0m:12\n")
    run = run_of(
        tmp_path / "storm.md",
        attempt(expected=("--- expected", "+++ got", "@@ -1,1 +1,1 @@", "-PONG", "+used_memory:12")),
        values=(("host", "db"),),
        asked=("password",),
        ended=AT + timedelta(hours=1),
        outcome="calm again",
    )
    text = run_as_markdown(run, book(tmp_path / "storm.md"), tmp_path)
    for told in (
        "# Storm",
        "- Began: 2026-01-02 03:04:05Z by ann",
        "- Ended: 2026-01-02 04:04:05Z: calm again",
        "- Steps: 3 of 3 settled (1 ran, 1 ticked, 1 skipped)",
        "- `host`: `db`",
        "- `password`: given, a secret",
        "Line 3, Storm › Look \\*here\\*.",
        "Run by ann, 2026-01-02 03:04:05Z, ran, exit code 0, after 1.2 s. it ended",
        "**ticked** by bob, 2026-01-02 03:04:05Z",
        "**skipped** by bob, 2026-01-02 03:04:05Z: not needed \\| at all",
        "Note by ann, 2026-01-02 03:04:05Z:",
        "The output is not as expected:",
    ):
        assert told in text, told
    assert blocks(text) == [
        "redis-cli -h <host> INFO\n",
        "redis-cli -h db INFO\n",
        "used_memory:12\n",
        "--- expected\n+++ got\n@@ -1,1 +1,1 @@\n-PONG\n+used_memory:12\n",
        "as *seen*\n",
        "make back\n",
    ]


MARKS = [
    "```",
    "````\n",
    "\n",
    "~~~",
    "\n# x",
    "> ",
    "- ",
    "*",
    " ",
    "\t",
    "<a>",
    "\\",
    "\x1b[1m",
    "\x00",
    "---\n",
    "\n```\n",
]


@given(st.lists(st.sampled_from(MARKS), max_size=12).map("".join))
@settings(max_examples=80, deadline=None)
def test_whatever_the_output_holds_stays_in_its_block(output: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        printed(folder, f"begin{output}\nend\n")
        text = run_as_markdown(
            run_of(folder / "s.md", attempt(command=f"echo {output}x")), book(folder / "s.md"), folder
        )
    tokens = MarkdownIt().parse(text)
    headings = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings == ["Storm", "Steps", "1. redis-cli INFO", "2. told the team", "3. make back"]
    said = [token.content for token in tokens if token.type == "fence"]
    assert said[2].startswith("begin") and said[2].endswith("end\n")
    assert "\x1b" not in text and "\x00" not in text


def test_a_long_output_is_told_from_both_ends_with_its_count_and_its_place(tmp_path: Path) -> None:
    for many, width in ((1000, 1), (40_000, 60)):
        printed(tmp_path, "".join(f"{number:0{width}}\n" for number in range(many)))
        text = run_as_markdown(run_of(tmp_path / "s.md", attempt()), book(tmp_path / "s.md"), tmp_path)
        left = many - FIRST - LAST
        assert f"Output, {many:,} lines, of which {left:,} are left out here" in text
        assert str(tmp_path / "01-1" / "transcript.log") in text
        lines = next(each for each in blocks(text) if "…" in each).splitlines()
        assert [int(line) for line in lines[:FIRST]] == list(range(FIRST))
        assert lines[FIRST] == f"… {left:,} lines …"
        assert [int(line) for line in lines[FIRST + 1 :]] == list(range(many - LAST, many))
    printed(tmp_path, "x" * 3_000_000)
    text = run_as_markdown(run_of(tmp_path / "s.md", attempt()), book(tmp_path / "s.md"), tmp_path)
    assert len(text) < 20_000 and "Output" in text


def test_what_holds_a_secret_is_redacted_once_more(tmp_path: Path) -> None:
    printed(tmp_path, "requirepass hunter2\nghp_" + "a1" * 12 + "\n")
    run = run_of(
        tmp_path / "s.md",
        attempt(command="redis-cli -a hunter2 ping", how="PGPASSWORD=hunter2 failed"),
        values=(("password", "hunter2"),),
        outcome="token=hunter2",
        ended=AT,
    )
    runbook = dataclasses.replace(book(tmp_path / "s.md"), steps=(block(1, 3, "redis-cli --pass hunter2"),))
    text = run_as_markdown(run, runbook, tmp_path)
    assert "hunter2" not in text and "ghp_" not in text
    assert "redis-cli -a [secret] ping" in text and text.count(BLOT) + text.count("\\[secret\\]") >= 5


def test_missing_and_unreadable_outputs_are_told(tmp_path: Path) -> None:
    text = run_as_markdown(run_of(tmp_path / "s.md", attempt()), book(tmp_path / "s.md"), tmp_path)
    assert "Output: none was kept." in text
    printed(tmp_path, "")
    text = run_as_markdown(run_of(tmp_path / "s.md", attempt()), book(tmp_path / "s.md"), tmp_path)
    assert "Output: none." in text
    (tmp_path / "02-1" / "transcript.log").mkdir(parents=True)
    text = run_as_markdown(run_of(tmp_path / "s.md", attempt("02-1")), book(tmp_path / "s.md"), tmp_path)
    assert "cannot be read: Is a directory." in text


def test_each_attempt_is_told_and_an_open_run_says_where_it_stands(tmp_path: Path) -> None:
    printed(tmp_path, "one\n")
    printed(tmp_path, "two\n", "01-2")
    failed = attempt(mark=Mark.FAILED, exit_code=None, how="SIGTERM ended it")
    text = run_as_markdown(run_of(tmp_path / "s.md", failed, attempt("01-2")), book(tmp_path / "s.md"), tmp_path)
    assert "Attempt 1, run by ann, 2026-01-02 03:04:05Z, failed, no exit code" in text
    assert "Attempt 2, run by ann" in text and "As run: the same." in text
    assert text.index("one\n") < text.index("two\n")
    assert "- State: still open, at step 1" in text


def test_what_became_of_the_file_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "s.md"
    (tmp_path / "runbook.md").write_text(TEXT.replace("make back", "make it"))
    path.write_text(TEXT + "more\n")
    text = run_as_markdown(run_of(path), book(path), tmp_path)
    assert "## The runbook changed while the run was open" in text and "-make it\n+make back" in text
    assert "## The runbook has changed since" in text and "+more" in text
    path.write_text(TEXT)
    (tmp_path / "runbook.md").write_text(TEXT)
    assert "changed" not in run_as_markdown(run_of(path), book(path), tmp_path)


def test_a_check_is_told_whole_where_its_title_is_cut(tmp_path: Path) -> None:
    whole = "the replica is caught up with the primary, its lag is below one second, and two people have seen it so"
    made, written = run_of(tmp_path / "storm.md"), book(tmp_path / "storm.md")
    cut = dataclasses.replace(made.steps[1], title=f"{whole[:60]}…")
    made = dataclasses.replace(made, steps=(made.steps[0], cut, made.steps[2]))
    check = block(2, 7, whole, StepKind.CHECK)
    written = dataclasses.replace(written, steps=(written.steps[0], check, written.steps[2]))
    assert f"{whole}\n" in blocks(run_as_markdown(made, written, tmp_path))


def test_what_is_the_same_is_told_once(tmp_path: Path) -> None:
    path, as_it_is = tmp_path / "storm.md", "redis-cli -h <host> INFO"
    first = attempt(command=as_it_is, how="exit 0 after 1.2 s")
    text = run_as_markdown(run_of(path, first), book(path), tmp_path)
    assert blocks(text)[0] == f"{as_it_is}\n" and text.count(as_it_is) == 1
    assert "As written and run:" in text and "As run" not in text
    assert "ran, exit code 0, after 1.2 s.\n" in text and "exit 0" not in text
    tried = dataclasses.replace(first, exit_code=3, how="exit 3 after 1.2 s, tried 2 times; transcript in /x")
    again = run_as_markdown(run_of(path, first, tried, attempt()), book(path), tmp_path)
    assert "exit code 3, after 1.2 s, tried 2 times; transcript in /x.\n" in again
    assert again.count("As run: the same.") == 1 and again.count("As run:\n") == 1
