"""What the command around a placeholder says of it: whether it is one at all, and whether it stands in code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from console.core.runbooks.filling import Form
from console.walkthrough.filling.forms import Candidate, is_comparison, is_markup, is_redirect

SHELLS = frozenset(("bash", "sh", "zsh", "dash", "ksh", "ash", "busybox"))
TEMPLATING = frozenset((
    "docker", "podman", "nerdctl", "crictl", "kubectl", "oc", "helm", "gh", "glab", "consul-template",
    "gomplate", "jinja2", "salt",
    "salt-call", "docker-compose", "ctr", "buildah", "skopeo", "minikube", "git", "hugo", "promtool", "amtool",
    "weaver", "journalctl", "go",
))  # fmt: skip
_BRACED_PROGRAMS = frozenset((
    "awk", "gawk", "mawk", "nawk", "jq", "yq", "gojq", "sed", "perl", "python", "python3", "ruby", "node",
    "php", "logcli", "promtool",
    "date", "parallel", "mongosh", "mongo", "tmux", "bc",
))  # fmt: skip
_TEMPLATE_FLAGS = re.compile(
    r"(-o|--output|--format|--template|-f|--go-template|-t|-w|--write-out|--qf|--queryformat|--jq|-q|--query|--jsonpath|-F|"
    r"--output-format|--pretty|--custom-columns|-o=?\w*)$"
)
_PRINTING = re.compile(r"jsonpath|go-template|custom-columns|template=|--format|--pretty|--jq|--query|--write-out")
_CONTROL = re.compile(
    r"\{%|\{\{-? *(range|if|end|else|with|json|println|\$|for)\b|\{\{-? *\$|^ *(- )?(hosts|tasks):", re.MULTILINE
)
_WRAPPERS = frozenset((
    "sudo", "env", "time", "nohup", "exec", "command", "builtin", "nice", "ionice", "timeout", "stdbuf",
    "setsid", "unbuffer", "doas",
    "watch", "xargs", "caffeinate", "sshpass",
))  # fmt: skip
_VALUED = frozenset(("-u", "-g", "-n", "-p", "-C", "-k", "-s", "-I", "-P", "-L", "-c", "-i"))


_QUOTES = re.compile(r"[\"'\\]")
_ASSIGNS = re.compile(r"[A-Za-z_]\w*(\[[^\]]*\])?\+?=")
# How far around a place a text is looked through, so that a long one does not take long for each of its places.
_NEAR = 4_000


@dataclass(slots=True, eq=False)
class Command:
    """A simple command while it is read. words: as written, with `<`, `>` and `<<<` standing for redirects. into: the
    command that reads what it prints.
    """

    words: list[str] = field(default_factory=list)
    into: Command | None = None


def bare(word: str) -> str:
    """A word without its quotes; for a program the last part of its path."""
    return _QUOTES.sub("", word) if "'" in word or '"' in word or "\\" in word else word


def program(words: list[str]) -> tuple[int, str]:
    """Where the program stands in a command and its name, behind assignments and wrappers; (-1, "") where none is."""
    at = 0
    wrapped = False
    while at < len(words):
        word = bare(words[at])
        if word in ("<", ">", "<<<"):
            at += 2
        elif "=" in word and _ASSIGNS.match(word):
            at += 1
        elif wrapped and word.startswith("-"):
            at += 2 if word in _VALUED else 1
        elif wrapped and re.fullmatch(r"\d+(\.\d+)?[smhd]?", word):
            at += 1
        elif (name := word.rsplit("/", 1)[-1]) in _WRAPPERS and at + 1 < len(words):
            wrapped = True
            at += 1
        else:
            return at, name
    return -1, ""


def arguments(words: list[str]) -> tuple[str, list[str]]:
    """The program and the words behind it, bare and without redirects."""
    at, name = program(words)
    if at < 0:
        return "", []
    found: list[str] = []
    skipping = False
    for word in words[at + 1 :]:
        if skipping or word in ("<", ">", "<<<"):
            skipping = not skipping
            continue
        found.append(bare(word))
    return name, found


def accepts(one: Candidate, kind: str, text: str, command: Command, word: int, closed: frozenset[str]) -> bool:
    """Whether a candidate is a placeholder where it stands. kind: `word` (unquoted), `quoted`, `body` (of a heredoc) or
    `code` (of another language).
    """
    before, following = text[max(0, one.start - 60) : one.start], text[one.end : one.end + 40]
    if one.form in (Form.ANGLE, Form.DOUBLE_ANGLE):
        return _angle(one, kind, text, command, before, following, closed)
    if one.form is Form.MUSTACHE:
        return _mustache(one, kind, text, command, before)
    if one.form is Form.BRACE:
        return _brace(one, kind, command, before, following)
    return _word(one, kind, text, command, before, following)


def _angle(
    one: Candidate, kind: str, text: str, command: Command, before: str, following: str, closed: frozenset[str]
) -> bool:
    if one.form is Form.DOUBLE_ANGLE and re.search(
        rf"^\t*{re.escape(one.body)}\r?$", text[one.end : one.end + 10 * _NEAR], re.MULTILINE
    ):
        return False
    if text.startswith("&lt;", one.start):
        return True
    if kind == "word":
        return not is_redirect(one.body, following) and not before.endswith("<") and one.body != "none"
    if is_markup(one.body, closed) or is_comparison(one.body):
        return False
    line = before.rsplit("\n", 1)[-1]
    if re.search(r"\(\?P?$|\\[kg]$|#include ?$|\w::$", line):
        return False
    return not (re.search(r"[Uu]sage:", line) or (kind != "code" and (len(before) - len(before.rstrip("\\"))) % 2))


def _mustache(one: Candidate, kind: str, text: str, command: Command, before: str) -> bool:
    name, given = arguments(command.words)
    if (
        name.startswith("ansible")
        or _is_sought(name, before)
        or (_CONTROL.search(text[max(0, one.start - _NEAR) : one.end + _NEAR]) and kind == "body")
    ):
        return False
    if kind == "word":
        return not (one.body.startswith(".") and _after_template_flag(given, before))
    if kind == "body":
        return not one.body.startswith(".")
    if re.match(r"(json|range|end|if|else|println|print|len|index)\b", one.body):
        return False
    if name in TEMPLATING or not name:
        return not one.body.startswith(".") and not _after_template_flag(given, before)
    return True


def _brace(one: Candidate, kind: str, command: Command, before: str, following: str) -> bool:
    if kind in ("body", "code"):
        return False
    name, given = arguments(command.words)
    words = [bare(word) for word in command.words]
    if name in _BRACED_PROGRAMS or any(word in _BRACED_PROGRAMS for word in words):
        return False
    if ".." in one.body or (kind == "word" and re.match(r"[<>](?!<?[\w.][^<>\n]*>)", following)):
        return False
    own = f"{{{one.body}}}"
    if "-I" in words[-1:] or any(word.startswith("-") and word.endswith(own) for word in words):
        return False
    if any(first in ("-I", "-i") and second == own for first, second in pairwise(words)):
        return False
    flag = given[-1] if given else ""
    return flag in ("-f", "-F", "-t") or not _after_template_flag(given, before)


def _after_template_flag(given: list[str], before: str) -> bool:
    line = before.rsplit("\n", 1)[-1]
    started = re.split(r"\s", line)[-1]
    if _PRINTING.search(started) or (given and _PRINTING.search(given[-1])):
        return True
    return bool(given and _TEMPLATE_FLAGS.match(given[-1])) or bool(re.match(r"(-o|-f|-t)[='\"]", started))


def _word(one: Candidate, kind: str, text: str, command: Command, before: str, following: str) -> bool:
    name, _ = arguments(command.words)
    body = one.body
    if name in ("grep", "egrep", "fgrep", "zgrep", "rg", "ag", "ack") or _is_sought(name, before):
        return False
    if "xxx" in body.lower():
        if name == "mktemp" or re.search(r"mktemp[^\n]*$", before) or following.startswith("("):
            return False
        return not (name in ("echo", "printf") and not re.search(r"[=:/]", before[-12:]) and body.strip("xX") == "")
    if body.startswith("YYYY"):
        return kind != "code" and not re.search(
            r"to_(char|date|timestamp)|strftime|--?format|date ", text[max(0, one.start - 200) : one.end + 200]
        )
    if re.fullmatch(r"[vV]?x\.y(\.z)?|x\.x", body) and kind != "word":
        return False
    return not (body.lower().startswith("your") and _prose(name, kind, before))


def _is_sought(name: str, before: str) -> bool:
    """Whether it is what a substitution looks for: `sed s/CHANGEME/…/`."""
    return name in ("sed", "perl", "gsed") and bool(re.search(r"\bs([/|#,@!])[^/|#,@!]*$", before))


def _prose(name: str, kind: str, before: str) -> bool:
    """Whether a quoted `your-…` is part of a sentence that is printed."""
    return kind == "quoted" and name in ("echo", "printf") and bool(re.search(r"[a-z] $", before))


# Code within code

_REMOTE = frozenset(("ssh", "autossh"))
_SSH_VALUED = frozenset(f"-{letter}" for letter in "bcDEeFIiJLlmOopQRSWw")
_EVALUATING = frozenset((
    "eval", "trap", "alias", "parallel", "at", "batch", "crontab", "make", "gmake", "pdsh", "let", "unset",
    "read", "complete", "fc",
))  # fmt: skip
_COMMANDED = frozenset(
    ("su", "runuser", "script", "flock", "gcloud", "vagrant", "multipass", "aws", "ansible", "salt", "expect")
)
_LANGUAGES = frozenset((
    "python", "python2", "python3", "perl", "ruby", "node", "php", "psql", "mysql", "mariadb",
    "clickhouse-client", "sqlite3", "mongosh",
    "mongo", "cqlsh", "lua", "Rscript", "cypher-shell", "influx", "sqlcmd", "gitlab-rails", "rails", "tootctl",
    "bin/rails", "gitlab-psql",
))  # fmt: skip
_CODE_FLAGS = frozenset(
    ("-c", "-e", "-E", "-r", "-q", "--command", "--execute", "--eval", "--query", "-Q", "-n", "-ne", "-pe", "-tAc")
)
_PROGRAMS_FIRST = frozenset(("awk", "gawk", "mawk", "nawk", "sed", "jq", "yq", "gojq", "perl", "bc", "sqlite3"))
_SCRIPTS = re.compile(r"\.(sh|bash|zsh|bashrc|profile)$|/etc/(cron|profile|init)|bashrc$|crontab")


def code_of(command: Command, word: int, before: str) -> str:
    """What reads a place as code: `shell`, `program` (another language), or empty where a program takes it as it is.

    word: the place's word in the command, -1 for its heredoc; before: that word up to the place.
    """
    words = [bare(part) for part in command.words]
    if any(_feeds_shell(later) for later in _later(command)):
        return "shell"
    names = [part.rsplit("/", 1)[-1] for part in words]
    if word < 0 or (0 < word <= len(words) and words[word - 1] == "<<<"):
        return _fed(names)
    if (named := _shell_code(names, words, word, before)) or re.match(r"[A-Za-z_]\w*\[[^\]]*$", bare(before)):
        return named or "shell"
    return _other_code(names, words, word, before)


def _later(command: Command) -> Iterator[Command]:
    found = command.into
    for _ in range(50):
        if found is None:
            return
        yield found
        found = found.into


def _feeds_shell(command: Command) -> bool:
    names = [bare(part).rsplit("/", 1)[-1] for part in command.words]
    return any(name in SHELLS or name in _REMOTE for name in names) or any(
        name in ("at", "crontab", "parallel") for name in names[:2]
    )


def _fed(names: list[str]) -> str:
    if any(
        name in SHELLS or name in _REMOTE or name in ("at", "batch", "crontab", "su", "sftp", "eval") for name in names
    ):
        return "shell"
    if any(previous == ">" and _SCRIPTS.search(name) for previous, name in pairwise(names)):
        return "shell"
    if "tee" in names and any(_SCRIPTS.search(name) for name in names):
        return "shell"
    return "program" if any(name in _LANGUAGES for name in names) else ""


def _shell_code(names: list[str], words: list[str], word: int, before: str) -> str:
    _, name = program(words)
    if (
        name in _EVALUATING
        or (name == "[[" and _arithmetic_test(words))
        or ("watch" in names[:2] and word > names.index("watch"))
    ):
        return "shell"
    if name in ("declare", "typeset", "local", "readonly", "export") and (
        not bare(before).count("=") or any(re.match(r"-\w*[iaAn]", part) for part in words[1:])
    ):
        return "shell"
    if name in ("scp", "rsync") and ":" in before:
        return "shell"
    if name in ("test", "[", "printf", "[[") and "-v" in words[max(0, word - 1) : word]:
        return "shell"
    for at, shell in enumerate(names[:word]):
        if shell in SHELLS and _is_code_argument(words, at, word):
            return "shell"
        if shell in _REMOTE and _is_remote(words, at, word):
            return "shell"
        if shell in ("tmux", "screen") and any(
            part in ("send-keys", "send", "stuff", "new-window") for part in words[at:word]
        ):
            return "shell"
        if shell in _COMMANDED and (
            words[word - 1] in ("-c", "--command", "-a", "--args", "--parameters", "-C", "cmd.run")
            or before.startswith(("--command=", "--parameters="))
        ):
            return "shell"
    if names[:2] in (["git", "config"], ["npm", "run"]):
        return "shell" if "alias" in " ".join(words) or names[0] == "npm" else ""
    return ""


def _arithmetic_test(words: list[str]) -> bool:
    return any(part in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-v") for part in words)


def _is_code_argument(words: list[str], shell: int, word: int) -> bool:
    at = shell + 1
    while at < word and words[at].startswith(("-", "+")):
        if not words[at].startswith("--") and "c" in words[at]:
            return word == at + 1
        at += 2 if words[at] in ("-o", "-O", "--rcfile", "--init-file") else 1
    return False


def _is_remote(words: list[str], ssh: int, word: int) -> bool:
    """Whether a word is part of what the other host's shell reads; options may be commands too."""
    at = ssh + 1
    while at < word:
        if words[at] in _SSH_VALUED:
            if at + 1 == word:
                return words[at] == "-o"
            at += 2
        elif words[at].startswith("-"):
            at += 1
        else:
            return True
    return False


def _other_code(names: list[str], words: list[str], word: int, before: str) -> str:
    for at, name in enumerate(names[:word]):
        behind = words[at + 1 : word]
        if name in _LANGUAGES and behind:
            flag = behind[-1]
            if (
                flag in _CODE_FLAGS
                or (re.fullmatch(r"-[A-Za-z]*[ceE]", flag))
                or re.match(r"--(command|execute|eval|query)=|-[ce]['\"]", before)
            ):
                return "program"
        if name in ("gitlab-rails", "rails") and "runner" in behind:
            return "program"
        if name == "redis-cli" and any(part.lower() == "eval" for part in behind[-1:]):
            return "program"
        if name in _PROGRAMS_FIRST and not any(
            part in ("--arg", "-v", "--argjson", "-f") for part in words[max(0, word - 2) : word]
        ):
            plain = [part for part in behind if not part.startswith("-")]
            if not plain or "-e" in behind[-1:] or (name == "sqlite3" and len(plain) == 1):
                return "program"
    return ""


def begins_code(command: Command, word: int, before: str) -> bool:
    """Whether a place is where a program's name stands, here or in code for another shell."""
    if word >= 0 and program(command.words)[0] == word and not bare(before):
        return True
    if code_of(command, word, before) != "shell":
        return False
    if word < 0 or re.search(r"(^|[;&|(]) *$", bare(before)) is None:
        return False
    words = [bare(part) for part in command.words]
    remote = [at for at, name in enumerate(words[:word]) if name.rsplit("/", 1)[-1] in _REMOTE]
    return not remote or bare(before) != "" or not _is_remote(words, remote[0], word - 1)
