"""What a block is: commands, with what a shell is given of it, or something that is only shown."""

from __future__ import annotations

import re
from dataclasses import dataclass

from console.core.runbooks.document import StepKind
from console.walkthrough.reading.commands import (
    COLUMNS,
    TABLE_HEAD,
    is_command,
    is_output,
    leading_commands,
    reads_as_prose,
)
from console.walkthrough.reading.expectations import Announced, asks_to_run, commented_output
from console.walkthrough.reading.programs import words
from console.walkthrough.reading.sessions import FOREIGN, POWERSHELL, asked_in_between, session_of
from console.walkthrough.reading.shelltext import statements
from console.walkthrough.sound import what_instead

SCRIPTS = words("bash sh shell zsh ksh ash dash shellscript shell-script sh-script bash-script")
SESSIONS = words(
    """console terminal term shell-session shellsession sh-session bash-session bashsession zsh-session session cli
    command commands commandline command-line tty prompt shell-console ansi"""
)
PLAIN = frozenset(["", "text", "plaintext", "plain", "txt", "none", "nohighlight", "no-highlight", "raw", "code"])
OUTPUTS = words("output out log logs stdout stderr result response")
# What a terminal obeys or hides: control characters, and the marks that turn the direction of writing.
INVISIBLE = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)


# A word behind `> `, which is no file: typed at a database's prompt; a shell would empty a file of that name.
ARROW = re.compile(r">\s+[A-Za-z_]+(?:\s+[\w'\"*{:-]|\s*;?\s*$)")
# Something in it may be a prompt; without, nobody looks at its lines one by one.
LIKELY = re.compile(
    r"^[ \t]*(?:\$(?:[ >\t]|$)|[%>❯→➤λ][ \t]|➜|#[ \t]+[a-z./~$\[{\"'(]|\[?[\w.<>{}$*-]+@\S"
    r"|\([^()\n]{1,40}\) ?[$\w~\[➜]|~|/[ \w]|[\w.-]+:[~/][\w~/.-]* ?[$#]|shell> "
    r"|(?:bash|sh|zsh|ash)(?:-[\d.]+)?[$#]|[\w-]{1,30}[#$] |[a-z][\w.-]* +(?:[~/]\S* )?[$#] )",
    re.MULTILINE,
)
SET = re.compile(r"\s*(?:#.*|(?:export )?([A-Za-z_]\w*)=(?:\"[^\"]*\"|'[^']*'|<[^<>]*>|[^\s\"'<>;&|]*))\s*$")
ASKING = re.compile(r"^[ \t]*(?:\w+[=\-(][>#]|mysql>|sqlite>|>>>|MariaDB|cqlsh|127\.0)", re.MULTILINE)
WINDOWS = re.compile(r"^[ \t]*(?:PS )?[A-Z]:\\[^>\n]{0,100}(?:>|\.exe\b)", re.MULTILINE)
HEADED = re.compile(r"^[A-Z][A-Z0-9_()%/#-]+(?: [A-Z(]\S*)*(?: {2,}|\t)", re.MULTILINE)
# No command, on a line of its own: dots for what was left out, a rule below a log, the address of a page.
UNTYPED = re.compile(
    r"^[ \t]*(?:\.{3,}|…|-{3,}|[\[(<](?:\.{3}|…|snip|(?:output )?(?:omitted|truncated))[\])>]|https?://\S+)[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
RUNS = re.compile(r"^[ \t]*[^\s#]", re.MULTILINE)
# What a console prints rather than takes: queries, data, sentences.
NO_COMMAND = re.compile(r"[^a-zA-Z./~$\"']|[A-Z]|\w+\(|\w+\s+[-+*/=<>!]=?\s|\w+[{[:]|\w+:\s|\S+:$")
PLAUSIBLE = re.compile(r"[a-z][\w.-]{0,30}(?: +[^\s()=]\S*)+$")
NO_LOOK = "it does not look like a command"
OTHER_PROMPT = "it is typed at another program's prompt, not in a shell"


@dataclass(frozen=True, slots=True)
class Judged:
    """What a block is. text: for a shell; whole: whether it is the block line by line. expected: what it is to print.

    is_output: what it shows may be what the command before it printed. inside: it talks to another program.
    """

    kind: StepKind
    text: str
    why_not: str = ""
    expected: str = ""
    whole: bool = False
    is_output: bool = False
    inside: bool = False


def judge(
    content: str, language: str, *, announced: Announced, adjacent: bool, known: frozenset[str], said: str = "",
    used: frozenset[str] = frozenset(),
) -> Judged:  # fmt: skip
    """What a block is, by its label and its text.

    announced: whether the words before it say that output follows. adjacent: it follows a command with no word between.
    said: those words. used: names of variables that other blocks use.
    """
    lines = content.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if used and all(found and found[1] in used for line in lines if line.strip() for found in (SET.match(line),)):
        return _command(content, whole=True)
    if language in SCRIPTS:
        return _script(content, lines, announced, known)
    if language in OUTPUTS:
        return Judged(StepKind.NOTE, content, "it is output, not a command", is_output=True)
    if language not in SESSIONS and language not in PLAIN:
        return Judged(StepKind.NOTE, content, f"it is {language}, shown and not run")
    return _unsure(content, lines, language, announced, adjacent, known, said)


def _script(content: str, lines: list[str], announced: Announced, known: frozenset[str]) -> Judged:
    if LIKELY.search(content):
        session = session_of(lines, script=True, known=known)
        if session is not None:
            return _command(session.text, session.printed, inside=session.inside)
    # A label that says shell is believed, where the words only may mean output and the lines may be commands.
    if announced and not _begins(lines, known) and (announced is Announced.SURELY or not _plausible(lines)):
        return Judged(StepKind.NOTE, content, "it is output, not a command", is_output=True)
    if ":\\" in content and WINDOWS.search(content):
        return Judged(StepKind.NOTE, content, "it is for Windows, not a shell")
    begin = content.lstrip()[:300]
    if (begin[:1] == ">" and ARROW.match(begin)) or FOREIGN.match(begin):
        return Judged(StepKind.NOTE, content, OTHER_PROMPT)
    between = asked_in_between(lines) if _may_ask(content) and ASKING.search(content) else None
    if between is not None:
        return _command(between.text, between.printed, inside=True)
    if HEADED.search(content):
        cut = _printed_table(lines, known)
        if cut is not None:
            return cut
    if _may_leave_out(content) and UNTYPED.search(content):
        kept = _typed(lines)
        if len(kept) < len(lines):
            return _command("".join(f"{line}\n" for line in kept))
    expected = ""
    if "#" in content and RUNS.search(content):
        comments = [line for line in lines if line.lstrip().startswith("#")]
        said = commented_output(comments)
        if said and len(statements(lines)) == 1:
            expected = said
    return _command(content, expected, whole=True)


def _may_ask(text: str) -> bool:
    """A quick look for another program's prompt, spelt out: an expression would take ten times as long."""
    return "> " in text or "=# " in text or "-# " in text or "(# " in text


def _may_leave_out(text: str) -> bool:
    """A quick look for what UNTYPED finds."""
    return (
        "..." in text or "---" in text or "http" in text or "…" in text
        or "snip" in text or "omitted" in text or "truncated" in text
    )  # fmt: skip


def _typed(lines: list[str]) -> list[str]:
    """The lines without those that only say that something was left out, or name a page."""
    alone = {begin for begin, end in statements(lines) if end == begin + 1 and UNTYPED.match(lines[begin])}
    return [line for at, line in enumerate(lines) if at not in alone]


def _begins(lines: list[str], known: frozenset[str]) -> bool:
    """Whether the first statement is surely a command."""
    spans = statements(lines[:50])
    return bool(spans) and is_command(lines[spans[0][0]], known) and not is_output(lines[spans[0][0]])


def _printed_table(lines: list[str], known: frozenset[str]) -> Judged | None:
    """A script with the tables that its commands print left in it, without prompts: only where a head shows it."""
    typed: list[str] = []
    printed: list[str] = []
    table = False
    for begin, end in _blocks(lines):
        line = lines[begin]
        if table and line.strip() and not is_command(line, known):
            printed += lines[begin:end]
            continue
        table = bool(typed) and TABLE_HEAD.fullmatch(line.rstrip()) is not None and not is_command(line, known)
        (printed if table else typed).extend(lines[begin:end])
    if not printed or not any(is_command(line, known) for line in typed):
        return None
    return _command("".join(f"{line}\n" for line in typed), "".join(f"{line}\n" for line in printed))


def _blocks(lines: list[str]) -> list[tuple[int, int]]:
    """Statements, and every other line for itself."""
    found: list[tuple[int, int]] = []
    at = 0
    for begin, end in statements(lines):
        found += [(line, line + 1) for line in range(at, begin)]
        found.append((begin, end))
        at = end
    return [*found, *((line, line + 1) for line in range(at, len(lines)))]


def _unsure(
    content: str, lines: list[str], language: str, announced: Announced, adjacent: bool, known: frozenset[str],
    said: str,
) -> Judged:  # fmt: skip
    """A block that is labelled as a terminal, as text, or not at all."""
    other = what_instead(content) if content.strip() else ""
    other = "" if other in ("prose", "a list") else other
    printed = other in ("", "JSON", "YAML", "XML", "HTML", "a printed table", "a log", "a diff")
    shown = Judged(
        StepKind.NOTE, content, f"it is {other}, not shell" if other else NO_LOOK, is_output=printed
    )  # fmt: skip
    first = next((line.strip() for line in lines if line.strip()), "")
    if POWERSHELL.match(first):
        return Judged(StepKind.NOTE, content, "it is PowerShell, not shell")
    if LIKELY.search(content):
        session = session_of(lines, script=False, known=known)
        if session is not None and session.text.strip():
            return _command(session.text, session.printed, inside=session.inside)
    if FOREIGN.match(first) or (ARROW.match(first) and not is_command(first, known)):
        return Judged(StepKind.NOTE, content, OTHER_PROMPT)
    head, commands, total = leading_commands(lines, known)
    begins = _begins(lines, known)
    if (
        language in PLAIN
        and language
        and (not begins or commands < total or adjacent or (announced and not asks_to_run(said, lines)))
    ):
        # A label that says no shell is believed, but where every line is surely a command.
        return shown
    if not begins and not (head and commands):
        lenient = (
            (language in SESSIONS and not announced)
            or asks_to_run(said, lines[:20])
            or (2 * commands >= total and not announced)
        )
        mixed = lenient and not adjacent and not other and _plausible(lines, known)
        return _command(content, whole=True) if mixed else shown
    if announced and not begins:
        return shown
    if language in PLAIN and not begins and not any(is_command(line, known) for line in lines):
        # Names with values and no command are a file of settings.
        return shown
    if commands == total or (commands >= 0.6 * total and not any(is_output(line) for line in lines)):
        return _script(content, lines, Announced.NOT, known)
    if head:
        return _command_and_output(lines, head, known)
    return shown


def _plausible(lines: list[str], known: frozenset[str] = frozenset()) -> bool:
    """Whether the lines of a terminal may be commands of a program that nobody here knows."""
    spans = statements(lines[:50])
    if not spans or len(spans) > 5:
        return False
    firsts = [lines[begin].strip() for begin, _end in spans]
    return all(
        is_command(line, known)
        or (
            PLAUSIBLE.match(line)
            and not NO_COMMAND.match(line)
            and not is_output(line)
            and not COLUMNS.match(line)
            and not line.endswith((".", ":", ",", ";", "{"))
            and not reads_as_prose(line)
        )
        for line in firsts
    )


def _command_and_output(lines: list[str], head: int, known: frozenset[str]) -> Judged:
    """Commands without prompts, and below them what they print."""
    end = statements(lines)[head - 1][1]
    rest = "\n".join(lines[end:]).strip("\n")
    text = "".join(f"{line}\n" for line in lines[:end])
    return _command(text, f"{rest}\n" if rest.strip() else "")


def _command(text: str, expected: str = "", *, whole: bool = False, inside: bool = False) -> Judged:
    why = ""
    if not text.strip():
        why = "it is empty"
    elif not RUNS.search(text):
        why = "it holds comments and no command"
    return Judged(StepKind.COMMAND, text, why, expected, whole=whole, inside=inside)


def hidden_sign(text: str) -> tuple[int, str] | None:
    """The first character that a terminal would hide or obey: its row from 0, and its name; else None."""
    found = INVISIBLE.search(text)
    if found is None:
        return None
    return text.count("\n", 0, found.start()), f"U+{ord(found[0]):04X}"
