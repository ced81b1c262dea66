"""What spares the search for placeholders work, against the same without it: both find the same in any text."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tree_sitter import Node

from console.core.runbooks.document import Runbook, StepKind
from console.core.runbooks.filling import Form
from console.walkthrough.danger import heredocs
from console.walkthrough.filling import finding, forms, placeholders, variables
from console.walkthrough.filling.assess import assess
from console.walkthrough.filling.finding import lasting, places_of
from console.walkthrough.filling.placeholders import in_step, options_of, placeholders_of, set_before
from console.walkthrough.reading.document import parse_runbook
from console.walkthrough.shell import parse

PIECES = (
    "kubectl get pod <pod-name> -n $NS", "A=1", "export B=$(date)", "read -r C", 'r"ea"d D', "printf -v E x",
    "let F=1", "for g in a b; do echo $g; done", "while read h; do :; done", "((i++))", "mapfile -t J < f",
    "f() { K=2; }", "( L=3 )", "cat <<EOF\n$M <n>\nEOF", "echo ${O:=4} ${P}", "declare Q", "getopts ab R", "| xargs",
    "&& \\\n", ";", "'", '"', "`", "\n", "case $x in a) S=1;; esac", "sudo read T", "[[ -z $U ]]",
    "{name} {{ value }} CHANGEME your-host x.x.x.x 10.x.0.1 YYYY-MM-DD <<APP>> &lt;file&gt; pw-xxxx X.Y.Z",
    "REPLACE_ME", "Your-name", "vX.Y", "<none>", "İ", "XXXX",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join) | st.text(max_size=60)


def every_node(text: str) -> list[Node]:
    waiting, found = [parse(text).root_node], []
    while waiting:
        found.append(waiting.pop())
        waiting += found[-1].children
    return found


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_every_node_that_sets_a_variable_is_among_those_that_are_looked_at(text: str) -> None:
    looked_at = {(node.type, node.start_byte, node.end_byte) for node in variables._nodes(text)}
    for node in every_node(text):
        frames = node.type in ("for_statement", "while_statement", "c_style_for_statement", "function_definition")
        if frames or list(variables._names(node)):
            assert (node.type, node.start_byte, node.end_byte) in looked_at


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_forms_that_are_not_searched_for_are_not_in_the_text(text: str) -> None:
    found: dict[int, forms.Candidate] = {}
    for form, _, pattern in forms._FORMS:
        for match in pattern.finditer(text):
            if form is Form.WORD and "x.x" not in match["body"].lower() and re.fullmatch(r"[\d.]+", match["body"]):
                continue
            found.setdefault(match.start(), forms.Candidate(match.start(), match.end(), form, match["body"]))
    assert forms.candidates(text) == found


@settings(max_examples=200, deadline=None)
@given(TEXTS.map(lambda text: text.replace("<", " ")))
def test_a_text_that_reads_from_nothing_is_lifted_as_it_is(text: str) -> None:
    assert heredocs._Lifter(text).run() == heredocs.lift(text) == (text, [])


def test_many_threads_that_ask_at_once_have_it_worked_out_once() -> None:
    runbook = book([f"kubectl get pod <pod-{number}>" for number in range(60)])
    before = placeholders._found_in.cache_info().misses
    with ThreadPoolExecutor(12) as pool:
        asked = list(pool.map(lambda _: placeholders_of(runbook, {"PATH"}), range(12)))
    assert all(each == asked[0] and len(each) == 60 for each in asked)
    assert placeholders._found_in.cache_info().misses == before + 1


def book(texts: list[str]) -> Runbook:
    blocks = "".join(f"~~~~~~bash\n{text}\n~~~~~~\n\n" for text in texts)
    return parse_runbook(Path("book.md"), blocks.encode("utf-8", "replace"))


def forget() -> None:
    for cached in (
        placeholders._found_in,
        placeholders._asked_by,
        finding.plain_of,
        finding.scan_plain,
        variables.variables_of,
    ):
        cached.cache_clear()


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_what_a_step_needs_is_the_same_looked_up_and_worked_out(texts: list[str]) -> None:
    runbook, known = book(texts), {"PATH", "NS"}
    have, before = set(known), set[str]()
    needed: list[tuple[int, str]] = []
    for step in runbook.steps:
        assert set_before(runbook, step.number, known) == before
        if not step.runnable or step.kind is not StepKind.COMMAND:
            assert in_step(runbook, step.number, known) == ()
            continue
        forget()
        options = options_of(runbook, step)
        keys = [place.key for place in places_of(step.text, have, options)]
        here = in_step(runbook, step.number, known)
        assert len(here) == len(set(keys))
        needed += [(step.number, key) for key in dict.fromkeys(keys)]
        left = lasting(step.text, options)
        have |= left
        before |= left
    forget()
    asked = placeholders_of(runbook, known)
    assert sum(len(one.steps) for one in asked) == len(needed)
    assert sorted(number for one in asked for number in one.steps) == [number for number, _ in needed]
    for step in runbook.steps:
        again = assess(runbook, step.number, asked, {}, {}, {"PATH": "/bin:/usr/bin", "NS": "shop"}, "tiny")
        forget()
        assert assess(runbook, step.number, asked, {}, {}, {"PATH": "/bin:/usr/bin", "NS": "shop"}, "tiny") == again
