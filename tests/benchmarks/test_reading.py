"""What opening a runbook of 1 MB costs, as a multiple of markdown-it's own parse of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from console.walkthrough.reading.document import parse_runbook

MEGABYTE = 1_000_000
WORDS = "The service answers late because its pool is full; look at what holds it before anything is restarted.\n"
SECTION = (
    "## Pool {n}\n\n"
    + WORDS * 4
    + "\n- [ ] tell the **channel** about it\n- [x] look at [the board](https://x.org)\n\n"
    "```bash\n# Who holds the connections\npsql -h \"$HOST\" -c 'select pid, state from pg_stat_activity' |\n"
    "  grep -v idle\nkubectl -n shop rollout restart deployment/pool-{n}\n```\n\nExpected output:\n\n```\n"
    "deployment.apps/pool-{n} restarted\n```\n\n1. Then wait:\n\n   ```console\n   $ kubectl get pods -n shop\n"
    "   NAME     READY   STATUS\n   pool-{n}   1/1     Running\n   ```\n\n" + WORDS * 5 + "\n"
)


def fastest(run: Callable[[], object], rounds: int = 3) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def of_1_mb(make: Callable[[int], str]) -> bytes:
    parts: list[str] = []
    size = 0
    while size < MEGABYTE:
        parts.append(make(len(parts)))
        size += len(parts[-1])
    return "".join(parts).encode()[:MEGABYTE]


def runbook(number: int) -> str:
    return SECTION.replace("{n}", str(number))


def test_a_runbook_of_1_mb_opens_in_less_than_markdown_its_own_parse_of_it() -> None:
    raw = of_1_mb(runbook)
    plain = MarkdownIt("commonmark")
    parsing = fastest(lambda: plain.parse(raw.decode()))
    reading = fastest(lambda: parse_runbook(Path("book.md"), raw))
    steps = len(parse_runbook(Path("book.md"), raw).steps)
    print(f"1 MB, {steps:,} steps: {reading:.2f} s, {reading / parsing:.2f} times a bare parse of {parsing:.2f} s")
    assert steps > 3_000
    assert reading < parsing


@pytest.mark.parametrize(
    "make",
    [
        lambda _: "> ",
        lambda _: "a" * 99 + " ",
        lambda _: "$ echo 'open\n",
        lambda _: "    $ cat <<EOF\n",
        lambda _: "```bash\n",
        lambda _: "```\n# or\n",
        lambda _: "{% highlight bash %}\n",
        lambda _: "<!--\n",
        lambda _: "expected " * 8 + "\n",
        lambda _: "```bash\n" + "( {" * 20 + "\n```\n",
        lambda _: "```bash\n# or\nls (\n" + "ls 'x\n" * 3,
        lambda n: "```console\n" + "$ cat <<E\n" * 200 if n == 0 else "$ cat <<E\n",
        lambda n: "```bash\n" if n == 0 else "if a; then\n# or\n",
        lambda n: "```\n" if n == 0 else "[ " * 40 + "A  B" * 9 + "\n",
        lambda _: "- [ ] " + "*a_" * 30 + "[" * 30 + "\n",
        lambda n: "---\na: b\n" if n == 0 else "# [x](" * 9 + "\n",
    ],
    ids=str,
)
def test_no_text_takes_long(make: Callable[[int], str]) -> None:
    raw = of_1_mb(make)
    small, large = raw[: MEGABYTE // 8], raw[: MEGABYTE // 2]
    few = fastest(lambda: parse_runbook(Path("book.md"), small), rounds=2)
    many = fastest(lambda: parse_runbook(Path("book.md"), large), rounds=1)
    print(f"4 times the text takes {many / few:.1f} times as long ({many:.2f} s)")
    assert many < few * 12 + 0.05 and many < 5
