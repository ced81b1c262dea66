"""What a shell leaves behind for the next step: variables, functions, folder, options, umask and aliases, in a file.

The keeper has bash write it all to a FIFO when it ends (`carrying.saving`), so that a secret value is never in a
file; `taken` reads that, and `parted` leaves the secrets out. Imports little, for every step's keeper imports it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from console.core.templates import looks_secret

FORMAT = 1
# Bash's own, or true of one process only.
OWN = re.compile(
    r"_|BASH_?[A-Z0-9_]*|COLUMNS|COMP_WORDBREAKS|COPROC(_PID)?|DIRSTACK|ENV|EPOCHREALTIME|EPOCHSECONDS|E?UID|FUNCNAME|GROUPS"
    r"|HISTCMD|HOSTNAME|HOSTTYPE|LINENO|LINES|MACHTYPE|OLDPWD|OPTARG|OPTERR|OPTIND|OSTYPE|PIPESTATUS|PPID|PWD|RANDOM"
    r"|SECONDS|SHELLOPTS|SHLVL|SRANDOM"
)
# Options that would keep the next step from running or start a debugger, or mean nothing but in an interactive shell.
LEFT = frozenset(("emacs", "history", "noexec", "onecmd", "privileged", "vi"))
FIXED = frozenset(("extdebug", "login_shell", "restricted_shell"))
_DECLARED = re.compile(r"declare (-\S+) (\w+)")
# A carried value that is shorter would blot out half of what is printed.
SHORTEST = 5


@dataclass(frozen=True, slots=True)
class Variable:
    """declaration: as `declare -p` gives it; of a withheld one only up to its name. base: what the environment had for
    it, None where it had nothing (or something secret): where the environment has another value later, that is newer.
    """

    name: str
    declaration: str
    base: str | None = None
    withheld: bool = False


@dataclass(frozen=True, slots=True)
class State:
    """folders: the directory stack, the current one first. gone: variables of the environment that were unset, with the
    value they had. functions: their definitions. options, shopts: those that are on. shut: shopts that are off.
    arguments: `$1` and on. last: `$_`.
    """

    folders: tuple[str, ...] = ()
    before: str = ""
    umask: str = ""
    variables: tuple[Variable, ...] = ()
    gone: tuple[tuple[str, str | None], ...] = ()
    functions: tuple[tuple[str, str], ...] = ()
    exported: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    shopts: tuple[str, ...] = ()
    shut: tuple[str, ...] = ()
    aliases: str = ""
    arguments: tuple[str, ...] = ()
    last: str = ""

    @property
    def withheld(self) -> tuple[str, ...]:
        """Names of variables whose values are not kept."""
        return tuple(variable.name for variable in self.variables if variable.withheld)


@dataclass(frozen=True, slots=True)
class Taken:
    """A shell as it was when it ended; values: of each variable, an array's one by one."""

    state: State
    values: dict[str, tuple[str, ...]]


def read_state(path: Path) -> State:
    """The state in the file; an empty one where there is no file. Raises ValueError with what is wrong with it."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw.pop("format") != FORMAT:
            raise ValueError("it is of another version")
        values: dict[str, Any] = {name: _tuples(value) for name, value in raw.items()}
        values["variables"] = tuple(Variable(**variable) for variable in raw["variables"])
        return State(**values)
    except FileNotFoundError:
        return State()
    except OSError as error:
        raise ValueError(error.strerror or "it cannot be read") from None
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"it does not hold what it should: {error}") from None


def write_state(path: Path, state: State) -> None:
    """Put the state in place of the former one, whole or not at all, mode 0600. Raises OSError."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump({"format": FORMAT, **asdict(state)}, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def taken(raw: bytes, mark: str, environ: Mapping[str, str]) -> Taken | None:
    """The last shell that was written whole to the FIFO, None where there is none.

    mark: what stands before and behind each. environ: what the shell was given.
    """
    begin, end = f"{mark}<\0".encode(), f"\0{mark}>\0".encode()
    last = raw.rfind(end)
    first = raw.rfind(begin, 0, max(last, 0))
    if first < 0:
        return None
    whole = raw[first + len(begin) : last].decode("utf-8", "surrogateescape").split("\0")
    try:
        return _read(iter(whole), mark, environ)
    except (StopIteration, ValueError):
        return None


def _read(words: Iterator[str], mark: str, environ: Mapping[str, str]) -> Taken:
    folder, before, ifs, count = next(words), next(words), next(words), int(next(words))
    arguments = [next(words) for _ in range(count)]
    options, shopts = next(words).splitlines(), next(words).splitlines()
    umask, folders, aliases = next(words).strip(), next(words).splitlines(), next(words)
    int(umask, 8)
    exported = [line.split()[2] for line in next(words).splitlines() if _flags(line).find("x") > 0]
    local = {match[2] for line in next(words).splitlines() if (match := _DECLARED.match(line))}
    functions: list[tuple[str, str]] = []
    while name := next(words):
        definition = next(words)
        # The one that keeps our trap beside the block's is of this shell only.
        if mark not in definition:
            functions.append((name, definition))
    variables: list[Variable] = []
    values: dict[str, tuple[str, ...]] = {}
    for name in words:
        if not name:
            break
        declaration = next(words).rstrip("\n")
        # The separator was unset for the loop that wrote this.
        found = tuple(next(words) for _ in range(int(next(words))))
        if OWN.fullmatch(name) or name in local or not declaration:
            continue
        values[name] = found
        plain = declaration.startswith(f"declare -x {name}=")
        if plain and environ.get(name) == "".join(found):
            continue
        variables.append(Variable(name, declaration, environ.get(name)))
    if ifs not in (" \t\n", "unset"):
        variables.append(Variable("IFS", f"declare -- IFS={shlex.quote(ifs)}", environ.get("IFS")))
    gone = [(name, value) for name, value in environ.items() if name not in values and not OWN.fullmatch(name)]
    return Taken(
        State(
            folders=(folder, *folders[1:]),
            before=before,
            umask=umask,
            variables=tuple(variables),
            gone=tuple(sorted(gone)),
            functions=tuple(functions),
            exported=tuple(exported),
            options=tuple(word for line in options if (word := _on(line, "set -o ")) and word not in LEFT),
            shopts=tuple(word for line in shopts if (word := _on(line, "shopt -s ")) and word not in FIXED),
            shut=tuple(word for line in shopts if (word := _on(line, "shopt -u ")) and word not in FIXED),
            aliases=aliases,
            arguments=tuple(arguments[2:]),
            last=arguments[1],
        ),
        values,
    )


def parted(shell: Taken, secrets: Iterable[str]) -> tuple[State, tuple[tuple[str, str], ...]]:
    """The state without what is secret, and what was left out, as (name, value).

    Secret is a variable that looks it by name or value, and one that holds one of `secrets`. The value of an array is
    its declaration, that of a function (its name ends in `()`) its definition.
    """
    known = [secret for secret in secrets if secret]
    carried: list[tuple[str, str]] = []
    variables = []
    for variable in shell.state.variables:
        name, values = variable.name, shell.values.get(variable.name, ())
        if not any(looks_secret(name, value) or _holds(value, known) for value in values if value):
            base = variable.base
            secret_base = base is not None and (looks_secret(name, base) or _holds(base, known))
            variables.append(Variable(name, variable.declaration, None if secret_base else base))
            continue
        flags = _flags(variable.declaration)
        scalar = not set(flags) & set("aAn")
        carried.append((name, values[0] if scalar and values else variable.declaration))
        variables.append(Variable(name, f"declare {flags} {name}", None, withheld=True))
    functions = []
    for name, text in shell.state.functions:
        if _holds(text, known):
            carried.append((f"{name}()", text))
        else:
            functions.append((name, text))
    gone = tuple(
        (name, None if value is not None and (looks_secret(name, value) or _holds(value, known)) else value)
        for name, value in shell.state.gone
    )
    told = (*shell.state.arguments, shell.state.last)
    exposed = any(_holds(argument, known) or looks_secret("", argument) for argument in told)
    arguments = () if exposed else shell.state.arguments
    aliases = "" if _holds(shell.state.aliases, known) else shell.state.aliases
    last = "" if exposed or _hidden(shell, carried) else shell.state.last
    state = replace(
        shell.state,
        variables=tuple(variables), functions=tuple(functions), gone=gone,
        arguments=arguments, aliases=aliases, last=last,
    )  # fmt: skip
    return state, tuple(carried)


def secret_values(carried: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """The values among what was carried that output is to be searched for."""
    return tuple(value for name, value in carried if len(value) >= SHORTEST and not is_declaration(name, value))


def _on(line: str, words: str) -> str:
    return line.removeprefix(words).strip() if line.startswith(words) else ""


def _flags(declaration: str) -> str:
    found = re.match(r"declare (-\S+)", declaration)
    return found[1] if found else "--"


def _holds(text: str, secrets: Sequence[str]) -> bool:
    return any(secret in text for secret in secrets)


def _hidden(shell: Taken, carried: Sequence[tuple[str, str]]) -> bool:
    return any(value and value in shell.state.last for _, value in carried)


def is_declaration(name: str, value: str) -> bool:
    return name.endswith("()") or bool(re.match(rf"declare -\S*[aAn]\S* {re.escape(name)}=", value))


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
