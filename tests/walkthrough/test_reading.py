"""Markdown runbooks read: each oddity of the corpus, step by step, and any text at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it.token import Token

from console.core.operations import Refused
from console.core.runbooks.document import Options, Runbook, Step, StepKind
from console.walkthrough.reading.blocks import tokens_of
from console.walkthrough.reading.document import LARGEST, parse_runbook, read_runbook

CORPUS = Path(__file__).parent / "corpus"
FILES = sorted(CORPUS.glob("*.md"))


def shown(options: Options) -> dict[str, object]:
    """What is not as it stands where nothing is said."""
    plain = dataclasses.asdict(Options())
    found = {name: value for name, value in dataclasses.asdict(options).items() if value != plain[name]}
    return {
        name: value.total_seconds()
        if isinstance(value, timedelta)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in found.items()
    }


def described(step: Step) -> dict[str, object]:
    """A step without what is empty in it."""
    every = {
        "line": step.line, "end": step.end, "kind": step.kind.value, "runnable": step.runnable, "title": step.title,
        "path": list(step.path), "language": step.language, "text": step.text, "written": step.written,
        "why_not": step.why_not, "expected": step.expected, "ticked": step.ticked, "owner": step.owner,
        "choice": step.choice, "group": step.group, "options": shown(step.options),
    }  # fmt: skip
    return {name: value for name, value in every.items() if value not in ("", None, {}, []) or name == "path"}


def expectation(runbook: Runbook) -> dict[str, object]:
    return {
        "title": runbook.title,
        "options": shown(runbook.options),
        "faults": [[fault.line, fault.what] for fault in runbook.faults],
        "steps": [described(step) for step in runbook.steps],
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_of_the_corpus_is_read_exactly_so(path: Path) -> None:
    assert expectation(read_runbook(path)) == json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))


def test_the_corpus_has_a_file_for_every_oddity_and_an_expectation_for_every_file() -> None:
    assert len(FILES) >= 40
    assert {path.stem for path in FILES} == {path.stem for path in CORPUS.glob("*.json")}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_step_stands_where_it_says_and_the_source_is_the_file(path: Path) -> None:
    raw = path.read_bytes()
    runbook = parse_runbook(path, raw)
    assert runbook.source == raw.decode("utf-8-sig")
    assert runbook.digest == hashlib.sha256(raw).hexdigest()
    lines = runbook.source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, step in enumerate(runbook.steps, 1):
        assert step.number == number and runbook.step(number) is step
        block = "\n".join(lines[step.line - 1 : step.end])
        assert step.written.replace("\r\n", "\n").strip("\n").replace("\n", "") in block.replace("\n", "")
        assert path.read_bytes() == raw


def read(text: str, name: str = "book.md") -> Runbook:
    return parse_runbook(Path(name), text.encode())


def test_a_root_prompt_is_a_command_and_a_comment_in_a_script_is_none() -> None:
    assert read("```console\n# systemctl reboot\n```\n").steps[0].text == "systemctl reboot\n"
    script = read("```bash\n# systemctl reboot\nuptime -p\n```\n").steps[0]
    assert script.text == "# systemctl reboot\nuptime -p\n"


def test_a_large_file_a_wrong_byte_and_a_missing_file_are_refused_with_their_place(tmp_path: Path) -> None:
    path = tmp_path / "book.md"
    with pytest.raises(Refused, match=r"book\.md: the runbook cannot be read: No such file"):
        read_runbook(path)
    path.write_bytes(b"one\ntwo \xff\n")
    with pytest.raises(Refused, match=r"book\.md:2: a byte is not UTF-8"):
        read_runbook(path)
    path.write_bytes(b"a" * (LARGEST + 1))
    with pytest.raises(Refused, match="larger than 2 MB"):
        read_runbook(path)


def test_a_huge_front_matter_is_left_out_and_said() -> None:
    runbook = read("---\n" + "a: b\n" * 20_000 + "---\n\n```bash\nls -l\n```\n")
    assert [fault.what for fault in runbook.faults] == ["the front matter is larger than 64 kB; it is left out"]
    assert [step.line for step in runbook.steps] == [20_004]


def test_reading_starts_no_process_and_loads_no_grammar_of_bash() -> None:
    probe = (
        "import sys\nfrom pathlib import Path\n"
        "starts = ('subprocess', 'os.exec', 'os.posix_spawn', 'os.fork')\n"
        "sys.addaudithook(lambda name, _: name.startswith(starts) and sys.exit(3))\n"
        "from console.walkthrough.reading.document import read_runbook\n"
        "heavy = {'markdown_it', 'yaml', 'textual', 'tree_sitter'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        f"[read_runbook(path) for path in sorted(Path({str(CORPUS)!r}).glob('*.md'))]\n"
        "assert not {'tree_sitter', 'textual'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", probe], check=True, timeout=60)


LINES = """
# Title|```bash|```|~~~|$ ls|# systemctl reboot|> more|- [ ] task||    code|=== "Linux"|!!! note|:::tip|{% raw %}|or
{{< tab name="a" >}}|<TabItem value='x'>|</Tabs>|<!--|-->|---|+++|a: b|[source,bash]|----|**Option 1**|1. one
* [x] b|====|Expected: `x`|cat <<EOF|EOF|```sh {"name":"x"}|```sh { timeout=1s }|{% highlight bash %}|ls 'open
[root@h ~]# ls|NAME   READY|kubectl get pods|\tkubectl get ns|ls \\|# Option 2: x|{{< text bash >}}|{% endhighlight %}
"""
MARKS = ["\t", "  ", "> ", "1. ", "* ", "'", '"', "\r\n", "\r", "\x00", "\u2028", "\ufeff", "\x0c", "\u202e", "`"]
SCRAPS = st.sampled_from([*(f"{line}\n" for line in re.split(r"[|\n]", LINES)), *MARKS])


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(st.one_of(SCRAPS, st.text(max_size=8)), max_size=40).map("".join)))
def test_any_text_is_a_runbook(text: str) -> None:
    raw = text.encode("utf-8", "replace")
    runbook = parse_runbook(Path("any.md"), raw)
    assert runbook.source == raw.decode("utf-8-sig")
    many = runbook.source.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    before = 0
    for step in runbook.steps:
        assert before < step.line <= step.end <= many
        before = step.line
        assert step.runnable is (step.kind is StepKind.COMMAND and not step.why_not)
        assert step.runnable or step.why_not
        assert not step.runnable or step.text.strip()
        assert step.title and len(step.title) <= 60 and step.title.isprintable()
        assert step.owner is None or runbook.step(step.owner).kind is StepKind.CHECK
        assert (step.group is None) is (not step.choice)
        assert step.group is None or step.group <= step.number
    assert all(1 <= fault.line <= many for fault in runbook.faults)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(SCRAPS, st.text(max_size=8)), max_size=30).map("".join))
def test_the_short_way_for_prose_gives_the_blocks_that_markdown_it_gives(text: str) -> None:
    from markdown_it import MarkdownIt

    plain = MarkdownIt("commonmark")
    plain.core.ruler.enableOnly(["normalize", "block"])
    plain.block.ruler.disable("reference")

    def blocks(tokens: list[Token]) -> list[dict[str, Any]]:
        # What is cut off at the ends of a paragraph hangs on markdown-it's version.
        return [{**token.as_dict(), "content": token.content.strip()} for token in tokens]

    assert blocks(tokens_of(text)) == blocks(plain.parse(text))
