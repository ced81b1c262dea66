"""A program's output in the console's inks, and nothing of its control over the terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from widgets.sgr import bare, spans_of
from widgets.vocabulary import Ink


@pytest.mark.parametrize(
    ("line", "spans"),
    [
        ("plain", (("plain", Ink.TEXT),)),
        ("", ()),
        ("a \x1b[31mred\x1b[0m b", (("a ", Ink.TEXT), ("red", Ink.BAD), (" b", Ink.TEXT))),
        ("\x1b[1;32mok\x1b[m", (("ok", Ink.OK),)),
        ("\x1b[1mbold\x1b[22m not", (("bold", Ink.STRONG), (" not", Ink.TEXT))),
        ("\x1b[2mfaint", (("faint", Ink.DIM),)),
        ("\x1b[93mwarn\x1b[39m.", (("warn", Ink.WARN), (".", Ink.TEXT))),
        ("\x1b[7mturned\x1b[27m", (("turned", Ink.SELECTED),)),
        ("\x1b[41mground\x1b[49m!", (("ground", Ink.SELECTED), ("!", Ink.TEXT))),
        ("\x1b[38;5;196mred\x1b[38;5;46mgreen", (("red", Ink.BAD), ("green", Ink.OK))),
        ("\x1b[38;2;250;20;20mred\x1b[38:2:20:20:250mblue", (("red", Ink.BAD), ("blue", Ink.ACCENT))),
        ("\x1b[38;5;236mgrey", (("grey", Ink.DIM),)),
        ("\x1b[38;5mcut off", (("cut off", Ink.TEXT),)),
        ("10%\r50%\r100%\r", (("100%", Ink.TEXT),)),
    ],
)
def test_colours_become_the_inks_of_the_console(line: str, spans: tuple[tuple[str, Ink], ...]) -> None:
    assert spans_of(line) == spans


@pytest.mark.parametrize(
    "line",
    [
        "\x1b]0;title\x07text",
        "\x1b]8;;http://x\x1b\\text\x1b]8;;\x1b\\",
        "\x1b[2J\x1b[Htext",
        "\x1b[?1049htext",
        "\x1bPq#0\x1b\\text",
        "\x9b31mtext",
        "\x1b(Btext\x1b",
    ],
)
def test_what_steers_a_terminal_is_taken_out(line: str) -> None:
    assert bare(line) == "text"


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=st.sampled_from("ab\x1b[]m;0318\x07\x9b\r\x00\u202e?"), max_size=40))
def test_nothing_that_is_printed_reaches_the_terminal_as_control(line: str) -> None:
    assert not re.search("[\x00-\x1f\x7f-\x9f\u202a-\u202e]", bare(line))
