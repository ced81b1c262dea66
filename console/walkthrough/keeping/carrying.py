"""Bash text around a block: what gives a state back before it, and what writes down the shell when it ends."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from console.walkthrough.keeping.state import State, is_declaration

# Where bash is told from: what gives the state back, and the block; where another interpreter has its text.
PRELUDE_FD, TEXT_FD, OTHER_FD = 8, 9, 7
# On in every new bash: where the state does not have them, somebody has turned them off.
USUAL = ("braceexpand", "hashall", "interactive-comments")


def saving(fifo: Path) -> str:
    """Bash text that writes the shell to the FIFO; `$?` is after it what it was before, and nothing else changes.

    It is one list whose commands run in a subshell, so that no trap, option or variable of the block's notices, and
    it holds no single quote where the path has none, so that `trap -p` shows it letter for letter.
    """
    mark = fifo.name
    each = (
        "while builtin test $# -gt 0; do "
        'builtin printf "%s\\0" "$1"; builtin declare -p "$1"; builtin printf "\\0"; '
        'builtin eval "builtin printf \\"%s\\\\0\\" \\"\\${#$1[@]}\\" \\"\\${$1[@]}\\""; '
        "builtin shift; done"
    )
    functions = (
        'while builtin test $# -gt 0; do builtin printf "%s\\0" "$1"; builtin declare -f "$1"; builtin printf "\\0"; '
        "builtin shift; done"
    )
    path = _quoted(fifo)
    return (
        '( set -- "$?" "$_" "$@"; unset -f builtin set; builtin trap - DEBUG ERR RETURN; '
        # Opened for both first, which waits for nobody: where the keeper was killed, nobody reads it.
        f'builtin test -p {path} || builtin exit "$1"; exec 8<> {path}; exec >| {path}; exec 8<&-; '
        f'builtin printf "%s\\0" "{mark}<" "$PWD" "${{OLDPWD-}}" "${{IFS-unset}}" "$#" "$@"; '
        'builtin set +o; builtin printf "\\0"; builtin shopt -p; builtin printf "\\0"; '
        "builtin set +efuvx; builtin set +o posix; "
        'builtin umask; builtin printf "\\0"; builtin dirs -l -p; builtin printf "\\0"; '
        'builtin alias -p; builtin printf "\\0"; builtin declare -F; builtin printf "\\0"; '
        'builtin local -p; builtin printf "\\0"; '
        "builtin unset IFS; "
        f"( builtin set -- $(builtin compgen -A function); {functions} ); "
        'builtin printf "\\0"; '
        f"( builtin set -- $(builtin compgen -v); {each} ); "
        f'builtin printf "\\0{mark}>\\0"; '
        'builtin exit "$1" ) > /dev/null 2>&1 && (:) > /dev/null 2>&1'
    )


def closing(fifo: Path) -> str:
    """What stands behind the block: saves the shell where a trap of the block's has taken the place of ours."""
    return (
        f'( set -- "$?" "$@"; case "$(builtin trap -p EXIT)" in *{_quoted(fifo)}*) builtin exit "$1" ;; esac; '
        f'builtin eval "builtin shift; (builtin exit $1)"; {saving(fifo)}; builtin exit "$?" ) '
        "> /dev/null 2>&1 && (:) > /dev/null 2>&1"
    )


def restoring(
    state: State, carried: Sequence[tuple[str, str]], environ: Mapping[str, str], text: str, fifo: Path | None
) -> str:
    """Bash text, sourced before the block, that gives the state back. text: the block. fifo: where the shell is written
    when it ends; None for nowhere.
    """
    handed = dict(carried)
    lines = ["builtin unset BASH_ENV"]
    # Patterns in functions are read as the options are when the functions are.
    lines += [f"builtin shopt -s {name} 2> /dev/null" for name in state.shopts if name != "expand_aliases"]
    lines += [f"builtin shopt -u {name} 2> /dev/null" for name in state.shut]
    for variable in state.variables:
        name = variable.name
        if name in environ and environ[name] != variable.base and not variable.withheld:
            continue
        if not variable.withheld:
            lines.append(f"{variable.declaration} 2> /dev/null")
        elif name in handed and is_declaration(name, handed[name]):
            lines.append(f"{handed[name]} 2> /dev/null")
        elif name in handed:
            lines.append(f"{variable.declaration}={shlex.quote(handed[name])} 2> /dev/null")
    for name, base in state.gone:
        if name in environ and base in (None, environ[name]):
            lines.append(f"builtin unset {name}")
    functions = [*state.functions, *((name[:-2], value) for name, value in carried if name.endswith("()"))]
    lines += [f"builtin eval {shlex.quote(definition)} 2> /dev/null" for _, definition in functions]
    lines += [f"builtin export -f {name}" for name in state.exported]
    if state.aliases:
        lines.append(f"builtin eval {shlex.quote(state.aliases)} 2> /dev/null")
    if "expand_aliases" in state.shopts:
        lines.append("builtin shopt -s expand_aliases")
    if fifo is not None:
        lines.append(_trapping(fifo, "\n".join((text, *(definition for _, definition in functions)))))
    return "\n".join(lines) + "\n"


def opening(state: State, folder: str) -> str:
    """What stands before the block, on its first line: closes what bash was given it by, goes to the folder, and sets
    the options, which would show whatever came after them.
    """
    parts = [f"exec {TEXT_FD}<&- {PRELUDE_FD}<&-", f"builtin cd -- {shlex.quote(folder)} || builtin exit"]
    parts.append(f"OLDPWD={shlex.quote(state.before)}" if state.before else "builtin unset OLDPWD")
    parts += [f"builtin pushd -n {shlex.quote(other)} > /dev/null" for other in reversed(state.folders[1:])]
    last = f": {shlex.quote(state.last or 'bash')}"
    shell = ["builtin set --", *map(shlex.quote, state.arguments)]
    parts.append(" ".join(shell))
    options = "builtin set " + " ".join(f"-o {name}" for name in state.options)
    options = f"builtin set {' '.join(f'+o {name}' for name in USUAL if name not in state.options)} +o nolog; {options}"
    if not state.options:
        parts.append(last)
    elif "xtrace" in state.options or "verbose" in state.options:
        parts += [last, options]
    else:
        parts += [options, last]
    # An argument may hold line ends; the block's first line must stay the first.
    return "; ".join(_one_line(part) for part in parts) + "; "


def _trapping(fifo: Path, text: str) -> str:
    """Set the trap that saves the shell. Where the block sets traps itself, a function keeps both: ours comes first, is
    not shown by `trap -p`, and leaves `$?` to the block's.
    """
    save = saving(fifo)
    ours = f"builtin trap -- {shlex.quote(save)} EXIT"
    # Through a function these two would be seen to fire where they should not.
    if (
        not re.search(r"\btrap\b", text)
        or re.search(r"\b(?:DEBUG|RETURN)\b", text)
        or "trap()" in text.replace(" ", "")
    ):
        return ours
    function = f"""trap () {{
  if builtin test "$BASH_SUBSHELL" -gt 0; then builtin trap "$@"; builtin return; fi
  case "${{1-}}" in
    ""|-p|-P) if builtin test $# -lt 2 -o "${{1-}}" = -p -o "${{1-}}" = -P; then
      builtin set -- "$(builtin trap "$@")" {shlex.quote(save + "; ")} {shlex.quote(save)}
      builtin set -- "${{1//"$2"/}}" "trap -- '$3' EXIT" "
"
      builtin set -- "${{1//"$2$3"/}}" "$2"
      builtin set -- "${{1//"$2"/}}"
      if builtin test -n "$1"; then builtin printf "%s\\n" "$1"; fi
      builtin return 0; fi ;;
    -l) builtin trap "$@"; builtin return ;;
    --) builtin shift ;;
  esac
  if builtin test $# -eq 1; then builtin set -- - "$1"; fi
  builtin set -- "$@" ""
  while builtin test $# -gt 2; do
    case "$2" in
      EXIT|SIGEXIT|exit|0) case "$1" in
        -) builtin trap -- {shlex.quote(save)} EXIT ;;
        *) builtin trap -- {shlex.quote(save)}"; $1" EXIT ;;
      esac ;;
      *) builtin trap -- "$1" "$2" || builtin return ;;
    esac
    builtin set -- "$1" "${{@:3}}"
  done
}}"""
    return f"{ours}\n{function}"


def _quoted(path: Path) -> str:
    """Quoted without single quotes."""
    return '"' + re.sub(r'(["\\$`])', r"\\\1", str(path)) + '"'


def _one_line(part: str) -> str:
    if "\n" not in part:
        return part
    words = shlex.split(part)
    return " ".join(_ansi(word) if "\n" in word else shlex.quote(word) for word in words)


def _ansi(word: str) -> str:
    return "$'" + word.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
