"""What spares the search for prompts work, against the same without it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from console.walkthrough.reading.sessions import PROMPT, SIGN

PIECES = (
    "$", "$>", "#", "%", ">", " ", "  ", "\t", "shell>", "[root@db ~]", "me@host:~", "db-01", "sh-4.4", "~", "/srv",
    "➜", "❯", "→", "➤", "λ", "(venv)", "git:(main)", "router", "laptop", "ls", "host:~", "✗",
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=7).map("".join))
def test_every_prompt_has_a_sign_at_its_end(line: str) -> None:
    assert not PROMPT.match(line) or SIGN.search(line)
