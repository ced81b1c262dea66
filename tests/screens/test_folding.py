"""Text folded to a width: nothing is lost, and nothing is wider."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from screens.folding import folded_code, folded_prose, goes_on

LINES = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x9FFF, exclude_categories=("C", "M", "Z")) | st.just(" ")
)


@given(LINES, st.integers(20, 120))
def test_code_put_together_again_is_the_line(line: str, width: int) -> None:
    parts = folded_code(line, width)
    assert "".join(parts) == line
    assert all(cell_len(part) <= width for part in parts)


@given(LINES, st.integers(20, 120))
def test_prose_keeps_every_word_and_the_width(line: str, width: int) -> None:
    parts = folded_prose(line, width)
    assert all(cell_len(part) <= width for part in parts)
    assert "".join("".join(parts).split()) == "".join(line.split())


def test_a_list_s_entry_goes_on_below_its_text() -> None:
    assert folded_prose("- one two three four five", 14) == ["- one two", "  three four", "  five"]


def test_code_is_parted_behind_a_blank_where_one_is_near() -> None:
    assert folded_code("grep error | tail -n 50", 16) == ["grep error | ", "tail -n 50"]
    assert folded_code("a bcdefghijklmnop", 10) == ["a bcdefghi", "jklmnop"]


def test_a_paragraph_goes_on_and_lists_tables_and_breaks_do_not() -> None:
    assert goes_on("More than ten an hour.", "A guard that throws does not judge.")
    for line, following in (
        ("# A heading", "text"),
        ("text", ""),
        ("text", "- an entry"),
        ("text", "  indented"),
        ("| a | table |", "| of | rows |"),
        ("1. first", "2. second"),
        ("a break  ", "text"),
    ):
        assert not goes_on(line, following)
