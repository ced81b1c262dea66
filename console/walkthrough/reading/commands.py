"""Whether a line is a shell command, told from the line alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from console.walkthrough.reading.programs import ALONE, BUILTINS, PROGRAMS, PROSE, TOOLS, VERBS, WORDY
from console.walkthrough.reading.shelltext import statements

ASSIGNED = re.compile(r"""(?:[A-Za-z_]\w*\+?=(?:"[^"]*"|'[^']*'|\$\([^()]*\)|[^\s"'()]*)\s+)+""")
ASSIGNMENT = re.compile(r"""[A-Z_][A-Z0-9_]*\+?=(?!=)|[a-z_]\w*=(?:\$\(|["'`$])""")
SUBSTITUTION = re.compile(r"[A-Za-z_]\w*=[\"']?(?:\$\(|`)")
KEYWORD = re.compile(
    r"for\s+\w+\s+in\s|for\s*\(\(|while\s+(?:true|read|:|!|\[|sleep|[\w./-]+\s.*;\s*do)|until\s+\S.*(?:;\s*do)?$"
    r"|if\s+(?:\[|!|test\s|[\w./$-]+\s.*;\s*then)|case\s+\S+\s+in\b|(?:function\s+)?[\w-]+\s*\(\)\s*\{|\[\[?\s+[-!\"$\w]"
    r"|set\s+[-+][a-zA-Z]|(?:export|declare|local|readonly|typeset)(?:\s+-\w+)?\s+\w+=|\(\s*cd\s|done\b|fi$|esac$|do$|then$|else$"
)
WORD = re.compile(r"[^\s;|&<>()]+")
FLAGGED = re.compile(r"[a-z][\w.+-]*(?! =)(?: [\w./:@=-]+){0,4} --?[A-Za-z][\w-]*(?:[ =]\S|$)")
TECHNICAL = re.compile(r"(?:^|\s)(?:--?\w|[\"'$<{~]|\S*[\w.-]/\S|/\S|\.\S*|\S*[:=@_*]\S|\d+(?:\s|$))|\||>|;|&&")
PATH = re.compile(
    r"(?:\.{1,2}/|~/|/(?:usr|opt|bin|sbin|root|home|etc|var|srv|app|tmp|mnt)/\S*(?:bin/|\.sh\b|\.py\b|init\.d/)"
    r"|/s?bin/[\w.-]+|/[\w./-]+(?=[ ]--?[A-Za-z])"
    r"|(?:bin|scripts?)/[\w.-]+(?=\s|$)|[\w-]+(?:/[\w.-]+)*\.(?:sh|bash|py|rb|pl)(?=\s|$))\S*"
)
VARIABLE = re.compile(r"\"?\$(?:\w+|\{\w+\})\"?\s+[\w./-]")
WRAPPERS = re.compile(r"(?:(?:sudo(?:\s+-(?:[EHSni]+|u\s+\S+))*|time|nohup|exec|command|doas|nice|env)\s+)+(?=[^\s-])")
ENDS_AS_PROSE = re.compile(r"[a-z]{2}[.:?!,]$|[a-z]:\s")
# What a program prints: the head of a table, a time, a level, a prompt of another program.
TABLE_HEAD = re.compile(
    r"[A-Z][A-Z0-9_()%/#-]+(?: [A-Z(][A-Z0-9_()%/-]+)*"
    r"(?:(?: {2,}|\t)[A-Z#][A-Z0-9_()%/#-]*(?: [A-Z(][A-Z0-9_()%/-]+)*)+\s*"
)
RULED = re.compile(r"\s*[+|][-=+|]{3,}|\s*[-=]{4,}\s*$|\s*\|.*\|\s*$|\^[A-Z]")
# A row of columns: a word, numbers, and room between them that nobody types.
COLUMNS = re.compile(r"[\w.@:/-]+(?: {2,}|\t+)\d+(?:\.\d+)?%?\s+\d|(?:\S+(?: {3,}|\t+)){2,}\S+(?: +\S+){0,3}\s*$")
STAMPED = re.compile(
    r"\[?(?:\d{4}-\d\d-\d\d[T ]\d|\d{4}/\d\d/\d\d \d|\d\d:\d\d:\d\d\b"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}\d)"
    r"|(?:time|ts|level|msg|caller)=|[IWEF]\d{4} \d\d:|(?:ERROR|WARN|WARNING|INFO|DEBUG|FATAL|Error|Warning)\b:?\s"
    r"|\[(?:ERROR|WARN|INFO|error|warn|info|notice)"
)


@lru_cache(maxsize=4096)
def is_command(line: str, known: frozenset[str] = frozenset()) -> bool:
    """Whether a line is surely a command. known: names of programs that the file itself has shown to be ones."""
    line = line.strip().removesuffix("\\").rstrip()
    if not line or len(line) > 4000 or (COLUMNS.match(line) and not line.startswith("#")):
        return False
    if KEYWORD.match(line):
        return True
    if ASSIGNMENT.match(line):
        # `A=1 program` is one where the program is; `A=1` alone is told from what stands around it.
        behind = ASSIGNED.match(line)
        if behind is None or not line[behind.end() :].strip():
            return SUBSTITUTION.match(line) is not None
        line = line[behind.end() :]
    wrapped = WRAPPERS.match(line)
    if wrapped:
        line = line[wrapped.end() :]
        if wrapped[0].startswith("sudo") and WORD.match(line) and not reads_as_prose(line):
            return True
    if PATH.match(line) or VARIABLE.match(line):
        return not reads_as_prose(line)
    found = WORD.match(line)
    if found is None:
        return False
    word, rest = found[0].strip("\"'"), line[found.end() :].strip()
    if not rest and word.isalpha() and word in ALONE | BUILTINS:
        return True
    if word in known and rest and not reads_as_prose(line):
        return True
    if word in TOOLS and rest.split(None, 1)[:1] and rest.split(None, 1)[0] in VERBS and not reads_as_prose(line):
        return True
    if word in WORDY:
        return _is_technical(word, rest, line)
    if word in PROGRAMS:
        return not rest.startswith(("=", ":", ",")) and (word in ("echo", "printf") or not reads_as_prose(line))
    return FLAGGED.match(line) is not None and not reads_as_prose(line) and not line.endswith((":", ",", "{"))


def _is_technical(word: str, rest: str, line: str) -> bool:
    """Whether what stands behind an English word is no English."""
    if not rest:
        return False
    if rest.startswith(("=", ":", "(")) or (word not in ("echo", "cat") and reads_as_prose(line)):
        return False
    if word == "echo":
        return True
    if TECHNICAL.search(rest) or len(rest.split()) == 1:
        return not rest.endswith(("{", ","))
    return bool(re.fullmatch(r"service [\w.@-]+ (?:start|stop|restart|reload|status)|make [\w. -]+", line))


def reads_as_prose(line: str) -> bool:
    """Whether the words of a line are those of a sentence."""
    words = [word.lower().rstrip(",") for word in line.split(None, 4)]
    # A last word is a name, whatever it is: `systemctl stop a`.
    if any(word in PROSE for word in words[1:2] + words[2:3] * (len(words) > 3)):
        return True
    return len(words) > 2 and ENDS_AS_PROSE.search(line) is not None and not re.search(r" --?\w|[|>'\"$/]", line)


def is_output(line: str) -> bool:
    """Whether a line is surely something that a program has printed."""
    return bool(TABLE_HEAD.fullmatch(line.rstrip()) or RULED.match(line) or STAMPED.match(line.lstrip()))


def leading_commands(lines: Sequence[str], known: frozenset[str] = frozenset()) -> tuple[int, int, int]:
    """How the statements of a text divide: how many at its head are commands, how many of all, how many there are."""
    head = commands = total = 0
    unbroken = True
    for begin, _end in statements(lines):
        total += 1
        if is_command(lines[begin], known) or (total > 1 and unbroken and _sets(lines[begin])):
            commands += 1
            head += unbroken
        elif total == 1 and _sets(lines[begin]):
            head += 1
            commands += 1
        else:
            unbroken = False
    return head, commands, total


def _sets(line: str) -> bool:
    return ASSIGNMENT.match(line.strip()) is not None
