"""What was typed at a prompt, told apart from what was printed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from console.walkthrough.reading.commands import is_command, is_output
from console.walkthrough.reading.shelltext import Ends, Reading, statements, take
from console.walkthrough.sound import SQL

PLACE = r"[\w.<>{}$*-]+@[\w.:<>{}$*-]+"
# A prompt and the command behind it. Each form begins with a sign of its own, or with who and where one is.
PROMPT = re.compile(
    rf"""(?:\([^()\n]{{1,40}}\)\ ?)?               # (venv)
    (?:
      \$>?(?=\ |$|\t)                              # $, $>
      | shell>(?=\ )                                # MySQL's manual
      | \[{PLACE}(?:[ :][^\]\n]{{0,80}})?\]\s?[$\#%]   # [root@host ~]#
      | {PLACE}(?:[ :][\w~/.<>{{}}$-]{{0,80}}(?:\ \([\w/.-]{{1,40}}\))?)?\s?[$\#%>](?=\ |$)   # user@host:~$
      | [\w.-]+:[~/][\w~/.-]{{0,80}}\s?[$\#](?=\ |$)  # host:~$
      | (?:bash|sh|zsh|ash)(?:-\d[\d.]*)?[$\#](?=\ |$) # sh-4.4#
      | (?:~|/)[\w/.~-]{{0,60}}\ ?[$\#](?=\ |$)        # ~ $, / #
      | ➜\s+\S+(?:\s+git:\(\S+\))?(?:\s+✗)?(?=\ )      # oh-my-zsh
      | [❯→➤λ](?=\ )
      | [\w-]{{1,30}}(?:-\d+)?\#(?=\ [a-z])            # router# show, host# reboot
      | [a-z][\w-]{{0,30}}\$(?=\ [a-z])                # host$ ls
      | [a-z][\w.-]*\d[\w.-]*\ (?:[~/]\S*\ )?[$\#](?=\ )   # db-01 $, db-01 ~ #
      | [a-z][\w-]*\ {{2,40}}[$](?=\ )                 # laptop      $
    )(?:[ \t]+|$)""",
    re.VERBOSE,
)
# One of these stands at the end of every prompt; most lines have none.
SIGN = re.compile(r"[$#%>❯→➤λ](?:[ \t]|$)|➜")
# Opens a shell on another machine or in a container, whose prompt follows.
ELSEWHERE = re.compile(
    r"\s*(?:sudo\s+)?(?:(?:ssh|mosh|chroot|nsenter|telnet|vagrant\s+ssh|machinectl|lxc\s+exec)(?:\s|$)"
    r"|(?:docker|podman|nerdctl|kubectl|k|oc|crictl|docker-compose|gcloud)\s.*\b(?:exec|run|rsh|debug|attach|ssh)\b)"
)
SURE = re.compile(rf"\s*(?:\$ |\([^()\n]{{1,40}}\) ?➜|➜ |\[?{PLACE}[\]: ])")
WEAK = re.compile(r"[%>][ \t]+(?=[\w./~$\"'(\[])")
ROOT = re.compile(r"\#[ \t]+(?=[\w./~$\"'(\[{])")
# Another program's prompt: what stands behind it is not for a shell.
FOREIGN = re.compile(
    r"(?:mysql|mariadb(?: \[[^\]]*\])?|MariaDB \[[^\]]*\]|sqlite|ceph|hive|scala|irb\([^)]*\)[\d:]*|"
    r"\[\d+\] pry\([^)]*\)|cqlsh(?::\w+)?|hbase[^>]{0,30}|127\.0\.0\.1:\d+|localhost:\d+|redis[\w.:-]{0,60}|"
    r"\w+[=\-(]|>>|telnet|ftp|sftp|gdb|\(gdb\)|\(pdb\)|consul|"
    r"test|admin|PS [A-Za-z]:[^>]{0,100}|[A-Za-z]:\\[^>]{0,100})[>#]?[>#] ?"
)
# Of these the ones that no line of a script begins with.
# Prints a text that may be commands.
SHOWS = re.compile(r"(?:sudo )?(?:cat|less|more|head|tail|sed|bat|history|view|grep|echo|crontab|vi|vim|nano)\b")
INNER_PROMPT = re.compile(
    r"[ \t]*(?:mysql|sqlite|cqlsh|MariaDB \[[^\]]*\]|>>|\w+[=\-(][>#]|\w+=>?[#>]|127\.0\.0\.1:\d+)[>#]? "
)
POWERSHELL = re.compile(r"PS(?: [A-Za-z]:[^>]{0,100})?> |[A-Za-z]:\\[^>]{0,100}>")


@dataclass(frozen=True, slots=True)
class Session:
    """text: what was typed, a line each. printed: what stood between. inside: another program was talked to."""

    text: str
    printed: str
    inside: bool = False


def session_of(lines: Sequence[str], *, script: bool, known: frozenset[str] = frozenset()) -> Session | None:
    """The commands of a transcript; None where no prompt is found.

    script: the block is labelled as a script, in which a lone `# ` begins a comment unless nothing else is a command.
    """
    marks = _prompts(lines, script, known)
    if not marks:
        return None
    typed: list[str] = []
    printed: list[str] = []
    inside = False
    before: str | None = None
    first = min(marks)
    if len(marks) == 1 and not SHOWS.match(lines[first][marks[first] :]):
        marks |= _below(lines, first, known)
    ends = Ends(lines)
    said = _comments(lines, marks) | _before(lines[:first], known)
    at = 0
    # Whose prompt it was before another shell was opened from it, and whether one has been.
    outer: str | None = None
    opened = any(ELSEWHERE.match(lines[at]) for at in said if at < first)
    while at < len(lines):
        line = lines[at]
        width = marks.get(at)
        if width is not None:
            host = _host(line[:width])
            if outer is not None and host == outer:
                outer = None
            elif opened and outer is None and host != before:
                outer = before or ""
            if outer is not None:
                # Typed in the other shell: here it would be run on the wrong machine.
                printed.append(line)
                inside, opened = True, False
                at += 1
                continue
            before = host
        if width is None:
            if at in said:
                typed.append(line)
            elif (typed or line.strip()) and line.strip() not in ("#", "$", "%"):
                printed.append(line)
                inside = inside or is_foreign(line.strip())
            at += 1
            continue
        end, statement = _statement(lines, at, width, marks, ends)
        if statement[0].strip():
            typed += statement
            opened = ELSEWHERE.match(statement[0]) is not None
        at = end
    text = "".join(f"{line}\n" for line in typed)
    return Session(text, _block(printed), inside)


def _below(lines: Sequence[str], first: int, known: frozenset[str]) -> dict[int, int]:
    """The statements below the only prompt, where each of them is surely a command: it was meant for all of them."""
    rest = [begin + first + 1 for begin, _end in statements(lines[first + 1 :])]
    return dict.fromkeys(rest, 0) if all(is_command(lines[at], known) for at in rest) else {}


def _host(prompt: str) -> str:
    """Whose prompt it is: who and where where it says so, else its sign without the folder it stands in."""
    found = re.search(PLACE, prompt)
    return found[0].split(":")[0] if found else re.sub(r"[~/][\w/.~-]*|\s", "", prompt)


def _before(lines: Sequence[str], known: frozenset[str]) -> set[int]:
    """What was typed above the first prompt: comments, and whole statements that are commands."""
    found = {at for at, line in enumerate(lines) if line.lstrip().startswith("# ")}
    for begin, end in statements(lines):
        if is_command(lines[begin], known):
            found |= set(range(begin, end))
    return found


def is_foreign(line: str) -> bool:
    """Whether a line stands at the prompt of another program: its prompt says so, or the query behind it."""
    if FOREIGN.match(line):
        return True
    found = PROMPT.match(line)
    return found is not None and line.rstrip().endswith(";") and SQL.match(line, found.end()) is not None


def _comments(lines: Sequence[str], marks: dict[int, int]) -> set[int]:
    """The comments that lead to a prompt."""
    found: set[int] = set()
    for at in range(len(lines) - 1, -1, -1):
        if at not in marks and lines[at].lstrip().startswith("# ") and (at + 1 in marks or at + 1 in found):
            found.add(at)
    return found


def _block(printed: Sequence[str]) -> str:
    text = "\n".join(printed).strip("\n")
    return f"{text}\n" if text.strip() else ""


def _prompts(lines: Sequence[str], script: bool, known: frozenset[str]) -> dict[int, int]:
    """The lines that stand at a prompt, and how wide it is."""
    marks: dict[int, int] = {}
    weak: dict[int, int] = {}
    roots: dict[int, int] = {}
    plain = outer = 0
    for at, line in enumerate(lines):
        bare = line.lstrip()
        shift = len(line) - len(bare)
        if not bare:
            continue
        if SIGN.search(bare) and (found := PROMPT.match(bare)) and not is_foreign(bare):
            marks[at] = shift + found.end()
        elif (found := ROOT.match(bare)) and is_command(bare[found.end() :], known):
            roots[at] = shift + found.end()
            outer = outer if len(roots) > 1 else shift
        elif (found := WEAK.match(bare)) and is_command(bare[found.end() :], known):
            weak[at] = shift + found.end()
        elif bare[0] != "#" and is_command(bare, known) and not is_output(bare):
            # A word alone, deeper than the prompts, is the head of what was printed.
            plain += not (roots and shift > outer and bare.rstrip().isalpha())
    if marks and (_is_first(lines, marks, known) or _unmistakable(lines, marks)):
        # Whoever shows one prompt shows them all; `# ` is then a prompt as well where a command stands behind it.
        return marks | _without_comments(lines, roots, marks)
    if marks and not script:
        return marks | roots
    if weak and not plain and not marks and min(weak) == _first(lines):
        return weak
    if roots and not plain and not marks:
        # In a script only where nothing else in it would run.
        return roots
    return {}


def _unmistakable(lines: Sequence[str], marks: dict[int, int]) -> bool:
    """Whether each prompt begins a statement that no script has, whatever stands before it."""
    if not all(SURE.match(lines[at]) for at in marks):
        return False
    return marks.keys() <= {begin for begin, _end in statements(lines)}


def _without_comments(lines: Sequence[str], roots: dict[int, int], marks: dict[int, int]) -> dict[int, int]:
    """`# ` lines that are prompts: not where the next line has the same program at its prompt, which it speaks of."""
    return {
        at: width
        for at, width in roots.items()
        if at + 1 not in marks or lines[at][width:].split()[:1] != lines[at + 1][marks[at + 1] :].split()[:1]
    }


def _first(lines: Sequence[str]) -> int:
    return next((at for at, line in enumerate(lines) if line.strip()), 0)


def _is_first(lines: Sequence[str], marks: dict[int, int], known: frozenset[str]) -> bool:
    """Whether nothing that runs stands before the first prompt."""
    return not any(
        line.strip() and not line.lstrip().startswith("#") and is_command(line, known) for line in lines[: min(marks)]
    )


def _statement(lines: Sequence[str], at: int, width: int, marks: dict[int, int], ends: Ends) -> tuple[int, list[str]]:
    """The whole statement that begins at a prompt: where it ends, and its lines without `> ` before them."""
    statement = [lines[at][width:]]
    reading = Reading()
    take(reading, statement[0])
    if reading.whole:
        return at + 1, statement
    end = at + 1
    shut = ends.after(end, reading.heredocs[-1][0]) if reading.heredocs else 0
    arrows = end < len(lines) and re.match(r"\s*>(?: |$)", lines[end]) is not None
    while end < len(lines) and not reading.whole:
        # A line at a prompt begins anew, whatever was left open.
        if end in marks and end >= shut:
            break
        line = lines[end]
        arrow = re.match(r"\s*> ?", line) if arrows else None
        if arrows and arrow is None and not reading.heredocs:
            break
        statement.append(line[arrow.end() :] if arrow else line)
        take(reading, statement[-1])
        end += 1
    if not reading.whole and not reading.continued and not arrows and end - at > 1:
        # A quote that never ends is an apostrophe: what follows was printed.
        return at + 1, statement[:1]
    return end, statement


def asked_in_between(lines: Sequence[str]) -> Session | None:
    """A script with what another program was asked left in it, at that program's prompt; None where it has none."""
    inner = {at for at, line in enumerate(lines) if INNER_PROMPT.match(line)}
    if not inner or min(inner) == _first(lines):
        return None
    typed: list[str] = []
    printed: list[str] = []
    asking = False
    for at, line in enumerate(lines):
        # Answers go on up to an empty line, a comment, or what is surely a command.
        asking = at in inner or (asking and bool(line.strip()) and line[0] != "#" and not is_command(line))
        (printed if asking else typed).append(line)
    return Session("".join(f"{line}\n" for line in typed), _block(printed), inside=True)
