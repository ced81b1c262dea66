"""Whether a shell can read a text at all, and why not: what `bash -n` says, or what it is instead."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from functools import lru_cache

# `bash -n` needs milliseconds; what takes longer is no step of a runbook.
DEADLINE = 10.0
LARGEST = 1_000_000
KEY = re.compile(r"[ \t]*(?:- )?[\"']?[A-Za-z_][\w./-]*[\"']?:(?:[ \t]+\S.*|[ \t]*)$")
YAML_HEAD = re.compile(
    r"(?:apiVersion|kind|metadata|spec|version|services|image|name|groups|rules|global|data):(?:\s|$)"
)
SECTION = re.compile(r"[ \t]*\[\[?[A-Za-z_][\w. \"'-]*\]\]?[ \t]*$")
SETTING = re.compile(r"[ \t]*[A-Za-z_][\w.-]*[ \t]*=[ \t]*\S?")
SPACED = re.compile(r"[ \t]*[A-Za-z_][\w.-]*[ \t]+=[ \t]+\S")
COMMENT = re.compile(r"[ \t]*(?:#|;|//|--)")
VERBS = (
    "Get|Set|New|Remove|Start|Stop|Restart|Add|Import|Export|Invoke|Test|Write|Install|Enable|Disable|Connect|Update"
    "|Select|Where|ForEach|Out|ConvertTo|ConvertFrom|Clear|Copy|Move|Enter|Exit|Resize|Rename|Format|Sort|Measure|Find"
    "|Register|Suspend|Resume|Backup|Restore|Repair|Mount|Initialize|Wait|Send|Resolve|Reset|Uninstall|Expand|Compress"
)
POWERSHELL = re.compile(
    rf"[ \t]*(?:PS [A-Za-z]:[^>\n]*>|\$[A-Za-z_][\w:]*[ \t]*=[ \t]*\S|(?:{VERBS})-[A-Z][A-Za-z]+\b|param[ \t]*\("
    r"|\[(?:string|int|bool|CmdletBinding)\b)"
)
MADE = "TABLE|INDEX|DATABASE|USER|ROLE|VIEW|EXTENSION|SCHEMA|FUNCTION|TYPE|SYSTEM|UNIQUE|OR"
SQL = re.compile(
    r"[ \t]*(?:SELECT[ \t\n](?:.|\n)*?\bFROM\b|SELECT[ \t]+[\w.]+\(|INSERT[ \t]+INTO\b|UPDATE[ \t]+\S+[ \t\n]+SET\b"
    rf"|DELETE[ \t]+FROM\b|(?:CREATE|DROP|ALTER)[ \t]+(?:{MADE})\b|TRUNCATE[ \t]+(?:TABLE[ \t]+)?\w+|VACUUM\b|REINDEX\b"
    r"|EXPLAIN[ \t]+(?:ANALYZE|SELECT)|GRANT[ \t]+\w+.*[ \t](?:ON|TO)[ \t]|WITH[ \t]+\w+[ \t]+AS[ \t]*\("
    r"|SHOW[ \t]+(?:TABLES|DATABASES|SLAVE|REPLICA|ALL|PROCESSLIST)|BEGIN[ \t]*;|COMMIT[ \t]*;)",
    re.IGNORECASE,
)
SQL_ENDS = re.compile(r";[ \t]*(?:--.*)?\s*$")
HCL = re.compile(
    r"(?:resource|data|variable|output|module|provider|terraform|locals|backend)"
    r"(?:[ \t]+\"[^\"\n]*\"){0,2}[ \t]*\{[ \t]*$"
)
MARKUP = re.compile(r"<(?:\?xml\b|!DOCTYPE\b|/?[A-Za-z][\w:-]*(?:[ \t]+[\w:-]+[ \t]*=[ \t]*[\"'][^<>]*)?/?>)")
CLOSED = re.compile(r"</[A-Za-z][\w:-]*>|/>|\?>")
FOLDS = "sum|avg|max|min|count|topk|bottomk|quantile|stddev"
OVERS = "rate|irate|increase|histogram_quantile|(?:avg|max|min|sum|count)_over_time|delta|deriv|predict_linear|changes"
PROMQL = re.compile(
    rf"\(*[ \t\n]*(?:(?:{FOLDS})[ \t]*(?:(?:by|without)[ \t]*\([^()\n]*\)[ \t]*)?\(|(?:{OVERS})[ \t]*\("
    r"|[a-z_:][a-z0-9_:]*\{[^{}\n]*[=!]~?\"[^{}\n]*\})"
)
TABLE = re.compile(
    r"[A-Z][A-Z0-9_()%/#-]+(?: [A-Z(][A-Z0-9_()%/-]+)*"
    r"(?:(?: {2,}|\t)[A-Z#][A-Z0-9_()%/#-]*(?: [A-Z(][A-Z0-9_()%/-]+)*)+[ \t]*$"
)
FRAME = re.compile(r"[ \t]*(?:\+[-=+]{3,}\+?|\|.*\|)[ \t]*$")
MONTHS = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
LOG = re.compile(
    rf"\[?\d{{4}}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d|[IWEF]\d{{4}} \d\d:\d\d:\d\d|(?:{MONTHS}) {{1,2}}\d{{1,2}} \d\d:\d\d"
    r"|(?:time|ts)=\"?\d{4}-|level=\w+ (?:msg|ts|caller)="
)
# Places where no program is, without a word behind them.
FOLDER = re.compile(
    r"[ \t]*(?:/etc/(?!init\.d/)|/var/(?:lib|log|run)/|/proc/|/sys/|~/\.)[\w./*-]*(?<!\.sh)[ \t]*(?:#.*)?$"
)
# `1. Look at the graphs`: no program is named so.
LISTED = re.compile(r"[ \t]*\d{1,2}[.)][ \t]+\w")
SENTENCE = re.compile(r"[ \t]*[A-Z][a-z]+(?:,? [A-Za-z][a-z']*){3,}[.:!?]?[ \t]*$")
RULES = re.compile(r"\*(?:filter|nat|mangle|raw|security)[ \t]*$")
DIFF = re.compile(r"(?:diff --git |--- (?:a/)?\S.*\n\+\+\+ )")
DOCKERFILE = re.compile(r"(?:ARG[ \t]+\S+\n+)?FROM[ \t]+[\w./:${}-]+(?:[ \t]+(?:AS|as)[ \t]+\w+)?[ \t]*(?:\n|$)")


def why_unsound(text: str, interpreter: str = "") -> str:
    """Why a text cannot be run as a command; empty where nothing speaks against it. Nothing of it is run.

    interpreter: another program than bash, which only has to be there. Kept by text; safe on any text.
    """
    if interpreter.strip():
        return _why_absent(interpreter)
    if len(text) > LARGEST:
        return "it is larger than 1 MB; put it in a script of its own"
    if not text.strip():
        return "it is empty"
    return _why(text)


def _why_absent(interpreter: str) -> str:
    program = interpreter.split()[0]
    if program == "env" or program.endswith("/env"):
        program = next(
            (word for word in interpreter.split()[1:] if not word.startswith("-") and "=" not in word), program
        )
    if "\x00" in program or shutil.which(program) is None:
        return f"{program} is not on PATH; install it, or take another interpreter"
    return ""


@lru_cache(maxsize=2048)
def _why(text: str) -> str:
    """What bash says, and where it says nothing, what the text is instead of shell."""
    if "\x00" in text:
        return "it holds a NUL character, which no shell can read; remove it from the file"
    said = _bash_says(text)
    if said:
        return said
    kind = what_instead(text)
    return f"it is {kind}, not shell" if kind else ""


def _bash_says(text: str) -> str:
    bash = shutil.which("bash")
    if bash is None:
        return "bash is not on PATH; install it"
    try:
        checked = subprocess.run(
            [bash, "--norc", "-n", "-s"], input=text.encode("utf-8", "surrogateescape"), capture_output=True,
            timeout=DEADLINE, env={"PATH": os.defpath, "LC_ALL": "C"}, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"bash -n did not read it within {DEADLINE:g} s; make it shorter"
    except (OSError, UnicodeEncodeError) as error:
        return f"bash -n could not read it: {error}"
    lines = [line for line in checked.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    if checked.returncode == 0 and not lines:
        return ""
    return _plain(lines[0] if lines else f"exit {checked.returncode}", bash)


def _plain(line: str, bash: str) -> str:
    said = line.removeprefix(f"{bash}: ").removeprefix("bash: ").removeprefix("line ")
    row, colon, what = said.partition(": ")
    return f"bash: line {row}: {what}" if colon and row.isdigit() else f"bash: {said}"


def what_instead(text: str) -> str:
    """What a text is that bash would take for commands: `JSON`, `YAML`, `SQL`, …; empty where it may be shell.

    Only what is surely something else: to run a query is a nuisance, to hide a command is worse.
    """
    bare = text.strip()
    if bare[0] in "{[" and _is_json(bare):
        return "JSON"
    lines = [line for line in bare.split("\n") if line.strip()]
    said = [line for line in lines if not COMMENT.match(line)]
    if not said:
        return ""
    if all(LISTED.match(line) for line in said):
        return "a list"
    if all(SENTENCE.match(line) for line in said):
        return "prose"
    head = "\n".join(said)[:5000]
    if POWERSHELL.match(said[0]):
        return "PowerShell"
    if MARKUP.match(bare) and CLOSED.search(bare):
        return "HTML" if re.match(r"<(?:!DOCTYPE )?html", bare, re.IGNORECASE) else "XML"
    # `select` in lower case is a word of bash; a query in lower case ends as queries do.
    if SQL.match(head) and (said[0].split()[0].isupper() or SQL_ENDS.search(bare[-200:])):
        return "SQL"
    if HCL.match(said[0]) and bare.endswith("}"):
        return "HCL"
    if RULES.match(said[0]) and any(line.strip() == "COMMIT" for line in said):
        return "a set of iptables rules"
    if DIFF.match(bare):
        return "a diff"
    if DOCKERFILE.match(head):
        return "a Dockerfile"
    if PROMQL.match(head) and not re.match(r"\w+[ \t]*\([ \t]*\)", head):
        return "PromQL"
    return _data(said)


def _is_json(bare: str) -> bool:
    if bare[-1] not in "}]" or not re.match(r"[{\[]\s*(?:[\"{\[\d\]}-]|true|false|null)", bare):
        return False
    try:
        return isinstance(json.loads(bare), dict | list)
    except (ValueError, RecursionError):
        # With `...` in it, or a comment: only where every line looks the part.
        return bare[0] == "{" and bool(re.match(r"\{\s*\"[^\"\n]*\"\s*:", bare))


def _data(said: list[str]) -> str:
    """Configuration, tables and logs: told from all of the lines."""
    if said[0].strip() == "---" and len(said) > 1:
        said = said[1:]
    count = len(said)
    keys = sum(KEY.match(line) is not None for line in said)
    items = sum(line.lstrip().startswith("- ") for line in said)
    if KEY.match(said[0]) and (keys + items >= 0.8 * count) and (count > 1 or YAML_HEAD.match(said[0])):
        return "YAML"
    if YAML_HEAD.match(said[0]) and keys >= 0.5 * count and keys > 1:
        return "YAML"
    if SECTION.match(said[0]) and count > 1 and all(SETTING.match(line) or SECTION.match(line) for line in said[1:6]):
        return "a configuration file"
    if count > 1 and all(FOLDER.match(line) for line in said):
        return "a list of paths"
    if count > 1 and all(SPACED.match(line) for line in said):
        return "a configuration file"
    if TABLE.match(said[0]) or sum(FRAME.match(line) is not None for line in said) > max(1, count // 2):
        return "a printed table"
    if sum(LOG.match(line) is not None for line in said) > count // 2:
        return "a log"
    return ""
