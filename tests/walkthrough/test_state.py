"""A new bash goes on where the last one ended, and notices nothing of how."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path

import pytest

from console.walkthrough.keeping.jobs import Ending
from console.walkthrough.keeping.state import State, Variable, read_state, write_state
from tests.walkthrough.steps import Steps


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path)


def test_variables_of_every_kind_are_carried(steps: Steps) -> None:
    steps.run(
        "plain='a  b'; export SENT=$'two\\nlines'; list=(one 'two 3' \"it's\"); declare -A map=([k 1]='v \"1\"' [x]=)\n"
        "declare -i number=4; declare -r fixed=f; declare -n other=plain; empty=; odd=$'\\377 \\t $HOME `x` \\\\'\n"
    )
    steps.run(
        'printf "<%s>\\n" "$plain" "$SENT" "${list[@]}" "${map[k 1]}" "$other" "${empty-unset}"\n'
        'number+=3; echo $number; env | grep -A1 ^SENT; fixed=2\nprintf %s "$odd" | od -An -tx1\n'
    )
    assert steps.said[:9] == ["<a  b>", "<two", "lines>", "<one>", "<two 3>", "<it's>", '<v "1">', "<a  b>", "<>"]
    assert steps.said[9:12] == ["7", "SENT=two", "lines"]
    assert steps.said[12:] == ["step: line 2: fixed: readonly variable"] or steps.said[12].endswith("readonly variable")
    steps.run('printf %s "$odd" | od -An -tx1')
    assert " ".join(steps.said).split() == [f"{byte:02x}" for byte in b"\xff \t $HOME `x` \\"]


def test_functions_folder_options_umask_aliases_and_arguments_are_carried(steps: Steps) -> None:
    (steps.folder / "sub").mkdir()
    steps.run(
        'greet() { echo "hello $1"; }; export -f greet; shopt -s extglob nullglob\n'
        "pick() { case $1 in @(a|b)) echo yes;; esac; }\n"
        "umask 027; cd sub; pushd / > /dev/null; shopt -s expand_aliases; alias hi='echo hi there'\n"
        "set -o pipefail; set -- p 'q r'"
    )
    steps.run(
        'greet you; bash -c "greet child"; pick b; umask; pwd; popd > /dev/null; pwd; hi\n'
        'echo "$2 $#"; false | true; echo $?; echo none*'
    )
    sub = str(steps.folder / "sub")
    assert steps.said == ["hello you", "hello child", "yes", "0027", "/", sub, "hi there", "q r 2", "1", ""]


def test_a_variable_that_was_unset_stays_unset(steps: Steps) -> None:
    steps.environ["GIVEN"] = "x"
    steps.run("unset GIVEN; mine=1")
    steps.run("unset mine; echo ${GIVEN-gone}")
    assert steps.said == ["gone"]
    steps.run("echo ${mine-gone}")
    assert steps.said == ["gone"]


def test_what_the_environment_has_anew_is_newer_than_what_was_carried(steps: Steps) -> None:
    steps.environ["NAMESPACE"] = "prod"
    steps.run("NAMESPACE=$NAMESPACE-2")
    steps.run("echo $NAMESPACE")
    assert steps.said == ["prod-2"]
    steps.environ["NAMESPACE"] = "staging"
    steps.run("echo $NAMESPACE")
    assert steps.said == ["staging"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x=1; exit 3", 3),
        ("x=1; set -e\nfalse\necho never", 1),
        ("x=1; set -u; echo $nothing; echo never", 1),
        ("x=1; false", 1),
        ("x=1; trap 'echo bye $?; true' EXIT; exit 4", 4),
        ("x=1; trap 'exit 9' EXIT; set -e; false", 9),
        ("set -eu; cleanup() { local c=$?; echo $c; }; trap cleanup EXIT; x=1; (exit 6)", 6),
        ("x=1; f() { local inner=2; exit 5; }; f", 5),
        ("x=1; true", 0),
        ("x=1; return 3; (exit 8)", 8),
        ("x=1; set -x; set -v; (exit 2)", 2),
        ("x=1; (trap 'echo in' EXIT; exit 2)", 2),
        ("x=1; trap 'echo d > /dev/null' DEBUG; trap 'true' EXIT; (exit 7)", 7),
        ("x=1; set -o posix; exit 11", 11),
        ("x=1; IFS=:; set -f; set -C; (exit 12)", 12),
        ("x=1 \\", 0),
        ("x=1; cat > /dev/null <<EOF\nexit 1\nEOF", 0),
        ("x=1 # a comment", 0),
    ],
)
def test_however_a_block_ends_the_code_is_bash_s_own_and_the_state_is_kept(steps: Steps, text: str, code: int) -> None:
    plain = subprocess.run(["bash", "--norc"], input=text + "\n", text=True, capture_output=True, check=False)
    ended = steps.run(text)
    assert (ended.ending, ended.exit_code, plain.returncode) == (Ending.EXITED, code, code)
    assert next(v for v in read_state(steps.state).variables if v.name == "x").declaration == 'declare -- x="1"'
    assert "inner" not in {variable.name for variable in read_state(steps.state).variables}
    steps.run("{ set +xveu; } 2> /dev/null\nbuiltin test $x -eq 1 && echo kept")
    assert steps.said[-1] == "kept"


def test_options_are_carried_and_end_a_step_only_where_the_block_fails(steps: Steps) -> None:
    assert steps.run("set -euo pipefail").exit_code == 0
    assert steps.run("echo fine").exit_code == 0
    assert steps.run("echo one\nfalse | true\necho two").exit_code == 1
    assert steps.said == ["one"]
    assert steps.run("set +e; false; echo $-; set -x").exit_code == 0
    assert "e" not in steps.said[0]
    steps.run("echo traced")
    assert steps.said == ["+ echo traced", "traced"]
    steps.run("false")
    assert steps.said == ["+ false"]


def test_what_carries_the_state_does_not_show(steps: Steps) -> None:
    steps.run("true")
    environ = {**steps.environ, "TERM": "xterm-256color"}
    look = "set; declare -F; shopt; set -o; alias; dirs; jobs; ls -1 /proc/self/fd; env; ulimit -a"
    plain = subprocess.run(
        ["bash", "--norc"], input=look, text=True, check=False, capture_output=True, env=environ, cwd=steps.folder
    )
    steps.run(look)
    own = (
        "BASH",
        "PPID",
        "LINENO",
        "SHLVL",
        "_=",
        "SECONDS",
        "OLDPWD",
        "COLUMNS",
        "LINES",
        "PIPESTATUS",
        "RANDOM",
        "EPOCH",
    )
    said = {line for line in steps.said if not line.startswith(own)}
    usual = {line for line in plain.stdout.splitlines() if not line.startswith(own)}
    assert said <= usual
    for word in ("state.", "builtin", "fd/8", "BASH_ENV", "trap"):
        assert not [line for line in steps.said if word in line], word
    steps.run(
        "trap; trap -p EXIT; echo $?; trap 'echo mine' EXIT; trap -p; trap - EXIT; trap -p; trap '' INT; trap -p INT"
    )
    assert steps.said == ["0", "trap -- 'echo mine' EXIT", "trap -- '' SIGINT"]
    steps.run('echo "${BASH_SOURCE[0]} $0 ${#FUNCNAME[@]} $?"; nosuch\n\n  nosuch2')
    assert steps.said == [
        "step step 0 0",
        "step: line 1: nosuch: command not found",
        "step: line 3: nosuch2: command not found",
    ]


def test_traps_and_functions_of_the_block_s_own_are_not_disturbed(steps: Steps) -> None:
    steps.run("set -T; trap 'echo D $BASH_COMMAND' DEBUG; x=1")
    assert steps.said == ["D x=1"]
    steps.run("set +T; trap 'echo bye' EXIT INT; trap - EXIT; trap")
    assert steps.said == ["trap -- 'echo bye' SIGINT"]
    steps.run("builtin() { echo mine; }; declare() { :; }; x=2")
    steps.run("declare y; unset -f declare; echo $x; source /dev/stdin <<< \"trap 'echo bye' EXIT\"; x=3")
    assert steps.said == ["2", "bye"]
    steps.run("echo $x; declare -F; exit 5")
    assert steps.said == ["3"]


def test_a_killed_step_leaves_the_former_state(steps: Steps) -> None:
    steps.run("x=before")
    former = steps.state.read_bytes()
    ended = steps.run("x=after; kill -TERM $$")
    assert (ended.ending, ended.signal, ended.exit_code) == (Ending.SIGNALLED, "SIGTERM", None)
    assert steps.run("x=after; exec true").exit_code == 0
    assert steps.state.read_bytes() == former
    steps.when["now"] = steps.cancel.set
    assert steps.run("x=after; trap 'exit 0' INT; echo now; while :; do sleep 0.01; done").ending is Ending.STOPPED
    assert steps.state.read_bytes() == former


def test_secrets_are_handed_over_and_never_in_the_file(steps: Steps) -> None:
    ended = steps.run(
        "export API_TOKEN=tok-12345678; quiet=pre-known0secret-post; url=redis://:hunter22@host/0; plain=shown\n"
        "PASSWORDS=(aa11bb22 cc); uses() { echo known0secret; }; DB_PASSWORD=pa55word11",
        secrets=("known0secret",),
    )
    assert set(ended.lost) == {"API_TOKEN", "quiet", "url", "uses()", "DB_PASSWORD"}
    assert dict(steps.carried)["API_TOKEN"] == "tok-12345678"
    assert stat.S_IMODE(steps.state.stat().st_mode) == 0o600
    raw = steps.state.read_text()
    for secret in ("tok-12345678", "known0secret", "hunter22", "pa55word11"):
        assert secret not in raw
    for path in (steps.folder / "steps").rglob("*"):
        if path.is_file():
            assert b"known0secret" not in path.read_bytes()
    steps.run(
        'test "$API_TOKEN$quiet$DB_PASSWORD" = tok-12345678pre-known0secret-postpa55word11 && echo same\n'
        'env | grep -c ^API_TOKEN; env | grep -c ^DB_PASS; uses; echo "$API_TOKEN"; echo $plain',
        secrets=("known0secret",),
    )
    assert steps.said == ["same", "1", "0", "[secret]", "[secret]", "shown"]
    steps.carried = ()
    steps.run('echo "${API_TOKEN-asked again} $plain"')
    assert steps.said == ["asked again shown"]


def test_a_state_that_cannot_be_read_keeps_a_step_from_running(steps: Steps) -> None:
    steps.state.write_text('{"format": 1, "vari')
    ended = steps.run("echo never")
    assert ended.ending is Ending.NOT_BEGUN and "move the file away" in ended.why
    steps.state.write_text(json.dumps({"format": 99}))
    assert "another version" in steps.run("echo never").why
    assert steps.said == []


def test_a_folder_that_is_gone_keeps_a_step_from_running_elsewhere(steps: Steps) -> None:
    (steps.folder / "sub").mkdir()
    steps.run("cd sub")
    (steps.folder / "sub").rmdir()
    ended = steps.run("rm -rf ./*")
    assert ended.ending is Ending.NOT_BEGUN and str(steps.folder / "sub") in ended.why
    assert steps.state.exists()


def test_a_state_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "state"
    state = State(
        ("/",), "", "0022", (Variable("a", "declare -- a='\udcff'"),), (("B", None),), (("f", "f () { :; }"),)
    )
    write_state(path, state)
    assert read_state(path) == state
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]
    with pytest.raises(OSError):
        write_state(tmp_path / "no" / "state", state)
