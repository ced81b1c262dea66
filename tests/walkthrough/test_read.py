"""Markdown runbooks are read with their blocks, lines and headings, and say what cannot be run."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from console.core.operations import Refused
from console.core.runbook import Block
from console.walkthrough.read import read_runbook

VALUES = {"NAMESPACE": "hak-gal", "REDIS_HOST": "10.0.0.1", "REDISCLI_AUTH": "hunter22", "DEPLOYMENT": "a b; rm -rf /"}


def blocks(folder: Path, text: str) -> tuple[Block, ...]:
    path = folder / "book.md"
    path.write_text(text)
    return read_runbook(path, VALUES).blocks


def only(folder: Path, text: str) -> Block:
    [block] = blocks(folder, f"```bash\n{text}\n```\n")
    return block


NESTED = """\
Intro
=====

1. A step with a block

   ```bash
   echo a
     echo b

   echo c
   ```

   > quoted
   > ~~~ sh {.numbered}
   > echo d
   > ~~~

## Second `part`

- deeper
  - still deeper

    ```console
    $ echo e \\
    >   f
    e f
    $ echo g
    ```

### Third

## Fourth

```
$ echo h
h
```

```
only text
```

```python
print("i")
```

    echo indented
"""


def test_blocks_are_found_wherever_they_are_nested(tmp_path: Path) -> None:
    found = blocks(tmp_path, NESTED)
    rows = NESTED.splitlines()
    assert [(block.line, block.heading, block.language, block.runnable) for block in found] == [
        (6, ("Intro",), "bash", True),
        (14, ("Intro",), "sh", True),
        (23, ("Intro", "Second part"), "console", True),
        (34, ("Intro", "Fourth"), "console", True),
        (39, ("Intro", "Fourth"), "", False),
        (43, ("Intro", "Fourth"), "python", False),
    ]
    for block in found:
        assert "```" in rows[block.line - 1] or "~~~" in rows[block.line - 1]
    assert [block.text for block in found] == [
        "echo a\n  echo b\n\necho c\n",
        "echo d\n",
        "echo e \\\n  f\necho g\n",
        "echo h\n",
        "only text\n",
        'print("i")\n',
    ]
    assert [block.number for block in found] == [1, 2, 3, 4, 5, 6]
    assert all(block.blocked is None for block in found)


def test_the_runbook_keeps_its_text_and_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "book.md"
    raw = b"# A *fine* `title`\r\n\r\n```bash\r\necho\r\n```\r\n"
    path.write_bytes(raw)
    runbook = read_runbook(path, {})
    assert (runbook.title, runbook.digest) == ("A fine title", hashlib.sha256(raw).hexdigest())
    assert runbook.source == raw.decode()
    assert runbook.blocks[0].text == "echo\n"
    path.write_text("no heading\n")
    assert read_runbook(path, {}).title == "book"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("redis-cli -h <host> -p <port> PING", "<host> and <port> stand for values"),
        ("kubectl set image x=y:<version>", "<version> stands for a value"),
        ("echo <your name>", "<your name> stands"),
        ('echo "$PROMETHEUS_URL" ${LOG_FILE}', "it needs $PROMETHEUS_URL and $LOG_FILE, not known here"),
        ("", "it is empty"),
        ("echo a\u202eb", "U+202E"),
        ("echo a\x1b[2Jb", "U+001B"),
    ],
)
def test_what_cannot_be_run_says_why(text: str, why: str, tmp_path: Path) -> None:
    block = only(tmp_path, text)
    assert block.blocked is not None and why in block.blocked


@pytest.mark.parametrize(
    "text",
    [
        "sort < in > out",
        "cat <<EOF>file\nx\nEOF",
        "diff <(ls a) <(ls b)",
        "[ 1 -lt 2 ] && echo 1 2>&1",
        "echo $NAMESPACE ${REDIS_HOST}",
        "echo ${LOG_FILE:-none} ${LOG_FILE:?say which} \\$LOG_FILE",
        "LOG_FILE=x; echo $LOG_FILE",
        "echo $HOME $SOMETHING_ELSE",
    ],
)
def test_what_only_looks_like_a_placeholder_can_be_run(text: str, tmp_path: Path) -> None:
    block = only(tmp_path, text)
    assert block.blocked is None
    assert block.text == text + "\n"


def test_the_consoles_own_variables_fill_placeholders_in_but_never_a_secret(tmp_path: Path) -> None:
    block = only(tmp_path, "redis-cli -h <redis-host> '<NAMESPACE>'")
    assert block.text == "redis-cli -h 10.0.0.1 'hak-gal'\n" and block.blocked is None
    for text in ("echo <rediscli-auth>", "echo <deployment>", "echo <home>"):
        block = only(tmp_path, text)
        assert block.text == text + "\n" and block.blocked is not None


def test_a_file_that_cannot_be_read_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"absent\.md: the runbook cannot be read: No such file"):
        read_runbook(tmp_path / "absent.md", {})
    path = tmp_path / "latin.md"
    path.write_bytes(b"# A\n\nf\xfcr\n")
    with pytest.raises(Refused, match=r"latin\.md:3: a byte is not UTF-8"):
        read_runbook(path, {})
    path.write_text("x" * 2_000_001)
    with pytest.raises(Refused, match="larger than 2 MB"):
        read_runbook(path, {})
