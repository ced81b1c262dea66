"""Values put into shell text, proven by a real bash: they arrive as they are, and nothing else is done."""

from __future__ import annotations

import itertools
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.operations import Refused
from console.core.runbooks.document import Options
from console.core.runbooks.filling import Form, Placeholder, Want
from console.walkthrough.filling.placeholders import filled, in_text

BASH = shutil.which("bash") or "/bin/bash"
X = Placeholder("thing", "<thing>", Form.ANGLE, Want.TEXT, (1,))
SECRETS = "HAKGAL_SECRET_THING"
SECRET = Placeholder("thing", "<thing>", Form.ANGLE, Want.SECRET, (1,))

NASTY = (
    "plain",
    "a b",
    "  two  spaces ",
    "it's",
    'say "hi"',
    "$HOME",
    "${HOME}",
    "$(canary)",
    "`canary`",
    "a;canary",
    "a\ncanary\nb",
    "*",
    "?",
    "[a-z]*",
    "~",
    "~root",
    "-rf",
    "--",
    "-",
    "\\",
    "a\\",
    "\\\\n",
    "'",
    "''",
    '"',
    "a'b\"c",
    "!",
    "!!",
    "#",
    "# no",
    "a#b",
    "&",
    "a & canary",
    "|canary",
    ">out",
    "<in",
    "<(canary)",
    "$((1+1))",
    "$'x'",
    '$"x"',
    "{a,b}",
    "a,b",
    "{1..3}",
    "%s",
    "\\$(canary)",
    "\\`canary\\`",
    "=",
    "a=b",
    "if",
    "then",
    "in",
    "time",
    "EOF",
    "E",
    "OF",
    "é ü",
    "日本 語",
    "😀",
    "x}",
    "}",
    "${x",
    "a\tb",
    "\n",
    "trailing ",
    "a`b",
    "x[$(canary)]",
    "1",
    "2",
    "41",
    "abc123",
    "$",
    "$$",
    "a$",
    "'; canary; '",
    '"; canary; "',
    '"$(canary)"',
    "'\"'\"'",
    "\u00a0",
    "#!",
    "a\\'b",
    "0x41",
    "\r",
    "user@host:/path",
    "https://h/p?q=1&r=2#f",
    "p@ss'w\"or`d$1\\",
    "..",
    "1..2",
)

# Each with how the value is surrounded when it arrives. SEEN stands for a function that writes down its arguments.
WORDS = {
    "SEEN <thing>": ("", ""),
    "SEEN a<thing>b": ("a", "b"),
    "SEEN --name=<thing> --": ("--name=", ""),
    "SEEN $P<thing>": ("pre", ""),
    "SEEN $P<thing>$P": ("pre", "pre"),
    "SEEN ${P}<thing>": ("pre", ""),
    'SEEN "<thing>"': ("", ""),
    'SEEN "a <thing> b"': ("a ", " b"),
    'SEEN "$P<thing>$P"': ("pre", "pre"),
    'SEEN "${P}<thing>${P}"': ("pre", "pre"),
    'SEEN "<thing>$P"': ("", "pre"),
    "SEEN '<thing>'": ("", ""),
    "SEEN 'a $P <thing> b'": ("a $P ", " b"),
    "SEEN $'<thing>'": ("", ""),
    "SEEN $'\\x4<thing>'": ("\x04", ""),
    "SEEN $'\\\\<thing>\\t'": ("\\", "\t"),
    'V=<thing>; SEEN "$V"': ("", ""),
    'export V=<thing>; SEEN "$V"': ("", ""),
    'V="<thing>" && SEEN "$V"': ("", ""),
    'SEEN "$(printf %s. <thing>)"': ("", "."),
    'SEEN "$(printf %s. "<thing>")"': ("", "."),
    "SEEN \"$(printf %s. '<thing>')\"": ("", "."),
    'V=`printf %s. <thing>`; SEEN "$V"': ("", "."),
    'V=`printf %s. "<thing>"`; SEEN "$V"': ("", "."),
    "V=`printf %s. '<thing>'`; SEEN \"$V\"": ("", "."),
    'SEEN "`printf %s. <thing>`"': ("", "."),
    'V=$(cat <<EOF\n<thing>.\nEOF\n); SEEN "$V"': ("", "."),
    'V=$(cat <<EOF\n<thing>\n.\nEOF\n); SEEN "$V"': ("", "\n."),
    'V=$(cat <<EOF\n$P<thing>.\nEOF\n); SEEN "$V"': ("pre", "."),
    'V=$(cat <<-EOF\n\t<thing>.\n\tEOF\n); SEEN "$V"': ("", "."),
    'for V in <thing>; do SEEN "$V"; done': ("", ""),
    "[[ a == b ]] || SEEN <thing> # about <thing>": ("", ""),
    'case <thing> in *) SEEN "<thing>";; esac': ("", ""),
    "cat <<< <thing> >/dev/null; SEEN <thing>": ("", ""),
    'f() { SEEN "$1"; }; f <thing>': ("", ""),
    'A=(<thing> "<thing>"); SEEN "${A[1]}"': ("", ""),
    "SEEN {<thing>,} >/dev/null; SEEN <thing>": ("", ""),
    "SEEN <thing>>/dev/null": ("", ""),
    "if SEEN <thing>; then :; fi": ("", ""),
    "{ SEEN <thing>; } 2>&1 | /bin/cat": ("", ""),
    'SEEN "a \\"<thing>\\" b"': ('a "', '" b'),
    "SEEN a\\ <thing>": ("a ", ""),
    'SEEN "${P:+"<thing>"}"': ("", ""),
}
RAW = {
    "V=$(cat <<'EOF'\n<thing>.\nEOF\n); SEEN \"$V\"": ("", "."),
    'V=$(cat <<\\EOF\n<thing>\n.\nEOF\n); SEEN "$V"': ("", "\n."),
}


def arrived(tmp_path: Path, cases: list[tuple[str, dict[str, str]]]) -> list[list[str]]:
    """What SEEN was given in each case; all in one bash, one after the other. A canary that ran fails the test.

    Each case is a file of its own, so that bash goes on behind one it cannot read.
    """
    lines = [
        'canary() { echo ran >> canary; }; rm() { canary; }; command_not_found_handle() { echo "$@" >> canary; }',
        'SEEN() { printf "%s\\0" "$@" >&9; }',
        "cd empty",
    ]
    for number, (text, environ) in enumerate(cases):
        (tmp_path / f"{number}.bash").write_text(text, encoding="utf-8")
        lines.append(f"unset V A {SECRETS}; P=pre")
        lines += [f"export {name}={shlex.quote(value)}" for name, value in environ.items()]
        lines.append(f". ../{number}.bash 9>../{number}.seen </dev/null")
    (tmp_path / "empty").mkdir(exist_ok=True)
    (tmp_path / "all.bash").write_text("\n".join(lines), encoding="utf-8")
    environ = {"PATH": "/usr/bin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        [BASH, "all.bash"], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    canaries = [path for path in (tmp_path / "canary", tmp_path / "empty" / "canary") if path.exists()]
    assert not canaries, (done.stderr[:2000], [path.read_text() for path in canaries])
    assert not list((tmp_path / "empty").iterdir())
    return [(tmp_path / f"{number}.seen").read_bytes().decode("utf-8").split("\0")[:-1] for number in range(len(cases))]


def _cases(values, templates, secret):
    cases, wanted = [], []
    for (template, (before, after)), value in itertools.product(templates.items(), values):
        one = SECRET if secret else X
        try:
            done = filled(template, [one], {} if secret else {"thing": value}, {"thing": value} if secret else {})
        except Refused:
            continue
        cases.append((done.text, dict(done.environ)))
        wanted.append((template, value, before + value + after))
    return cases, wanted


def _prove(tmp_path, values, templates, secret):
    cases, wanted = _cases(values, templates, secret)
    seen = arrived(tmp_path, cases)
    wrong = [
        (template, value, case[0], got)
        for (template, value, want), case, got in zip(wanted, cases, seen, strict=True)
        if want not in got
    ]
    assert not wrong, f"{len(wrong)} of {len(cases)}: {wrong[:12]}"
    return len(cases)


def test_every_value_arrives_as_it_is_and_nothing_else_is_done(tmp_path: Path):
    assert _prove(tmp_path, NASTY, WORDS, secret=False) > 3500


def test_a_value_in_a_quoted_heredoc_arrives_or_is_refused(tmp_path: Path):
    assert _prove(tmp_path, NASTY, RAW, secret=False) > 150
    for value in ("a\nEOF\ncanary", "\n"):
        with pytest.raises(Refused, match="quoted heredoc"):
            filled("cat <<'EOF'\n<thing>\nEOF", [X], {"thing": value}, {})
    with pytest.raises(Refused, match="would end it"):
        filled("cat <<'EOF'\n<thing>\nEOF", [X], {"thing": "EOF"}, {})


def test_a_secret_arrives_by_environment_and_is_nowhere_in_the_text(tmp_path: Path):
    assert _prove(tmp_path, NASTY[::4], WORDS, secret=True) > 800
    for template in WORDS:
        done = filled(template.replace("SEEN", "f"), [SECRET], {}, {"thing": "s3cret-x"})
        assert "s3cr" not in done.text and done.environ == {"HAKGAL_SECRET_THING": "s3cret-x"}


def test_a_secret_is_refused_where_the_environment_does_not_reach():
    with pytest.raises(Refused, match="take the quotes off EOF"):
        filled("cat <<'EOF'\npassword: <thing>\nEOF", [SECRET], {}, {"thing": "s3cret"})
    with pytest.raises(Refused, match="not shell"):
        filled("x = '<thing>'", [SECRET], {}, {"thing": "s3cret"}, Options(interpreter="python3"))


CODE = (
    "bash -c 'SEEN <thing>'",
    'bash -c "SEEN <thing>"',
    "bash -lc 'SEEN \"<thing>\"'",
    "sh -x -c 'SEEN <thing>'",
    "eval SEEN <thing>",
    "eval 'SEEN <thing>'",
    "ssh host SEEN <thing>",
    "ssh -p 22 u@host 'SEEN <thing>'",
    "ssh host <<EOF\nSEEN <thing>\nEOF",
    "ssh host <<'EOF'\nSEEN <thing>\nEOF",
    "ssh -o 'ProxyCommand=<thing>' host",
    "sudo -u x bash -c 'SEEN <thing>'",
    "kubectl exec p -- sh -c 'SEEN <thing>'",
    "docker exec c bash -c 'SEEN <thing>'",
    "kubectl exec -i p -- bash <<EOF\nSEEN <thing>\nEOF",
    "echo 'SEEN <thing>' | bash",
    "cat <<EOF | ssh host\n<thing>\nEOF",
    "bash <<< 'SEEN <thing>'",
    "su - x -c 'SEEN <thing>'",
    "watch 'SEEN <thing>'",
    "watch -n 1 SEEN <thing>",
    "trap 'SEEN <thing>' EXIT",
    "xargs -I{} sh -c 'SEEN {} <thing>'",
    "find . -exec sh -c 'SEEN <thing>' \\;",
    "timeout 5 bash -c 'SEEN <thing>'",
    "cat > run.sh <<EOF\nSEEN <thing>\nEOF",
    "make deploy ENV=<thing>",
    "alias x='<thing>'",
    "[[ <thing> -eq 1 ]]",
    "A[<thing>]=1",
    "unset <thing>",
    "declare -i N=<thing>",
    "read <thing>",
    "echo ${X:-<thing>}",
    "let N=<thing>",
    "parallel 'SEEN <thing>'",
    "tmux send-keys '<thing>' Enter",
    "[ -v <thing> ]",
    "printf -v <thing> x",
    "echo $(( <thing> ))",
    "gcloud compute ssh x --command '<thing>'",
    "gcloud compute ssh x -- 'SEEN <thing>'",
    "scp <thing> host:/x/<thing>",
    "function f { eval <thing>; }",
    "if eval <thing>; then :; fi",
    "case x in x) eval <thing>;; esac",
    "sshpass -p pw ssh host SEEN <thing>",
    "nsenter -t 1 -m -- sh -c 'SEEN <thing>'",
)


@pytest.mark.parametrize("text", CODE)
def test_code_that_is_read_a_second_time_takes_plain_values_only(text: str):
    plain = "7" if "((" in text else "a-b_c.d"
    assert plain in filled(text, [X], {"thing": plain}, {}).text
    for value in ("$(canary)", "a b", "a;b", "`x`", "a'b", 'a"b', "a[$(canary)]", "a\nb", "é", "x|y", "*"):
        for secret in (False, True):
            with pytest.raises(Refused) as refused:
                filled(text, [SECRET if secret else X], {"thing": value}, {"thing": value} if secret else {})
            assert "<thing>" in str(refused.value) and "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "psql -c \"select '<thing>'\"",
        "python3 -c 'print(\"<thing>\")'",
        "awk '/<thing>/' f",
        "jq '.[\"<thing>\"]' f",
        "mysql -e 'x <thing>'",
    ],
)
def test_code_of_another_language_takes_what_cannot_end_a_string(text: str):
    assert "some one" in filled(text, [X], {"thing": "some one"}, {}).text
    for value in ("x'; drop", 'x"y', "a;b", "a\\", "a)b", "a\nb", "$x"):
        with pytest.raises(Refused, match="another language"):
            filled(text, [X], {"thing": value}, {})


@pytest.mark.parametrize(
    "text",
    [
        'bash -c "SEEN $THING"',
        "ssh host SEEN $THING",
        "eval SEEN $THING",
        "ssh host <<EOF\n$THING\nEOF",
        "echo $((THING + $THING))",
        "[[ $THING -eq 1 ]]",
    ],
)
def test_a_variable_that_goes_into_code_takes_plain_values_only(text: str):
    (one,) = in_text(text, ())
    assert filled(text, [one], {"THING": "7"}, {}).environ == {"THING": "7"}
    for value in ("$(canary)", "a;b", "a[$(canary)]"):
        with pytest.raises(Refused, match="read a second time"):
            filled(text, [one], {"THING": value}, {})


def test_variables_go_in_by_environment_and_the_text_stays():
    text = 'kubectl -n "$NS" logs $POD'
    done = filled(text, in_text(text, ()), {"NS": "a b", "POD": "p"}, {})
    assert (done.text, done.environ) == (text, {"NS": "a b", "POD": "p"})


def test_a_plain_value_stays_readable():
    text = "kubectl logs <thing> -n '<thing>' --x=\"<thing>\" # <thing>"
    assert filled(text, [X], {"thing": "api-7.x/y:1"}, {}).text == (
        "kubectl logs api-7.x/y:1 -n 'api-7.x/y:1' --x=\"api-7.x/y:1\" # <thing>"
    )


def test_what_has_no_value_stays_as_it_is():
    text = "x <thing> <other> $VAR"
    assert filled(text, in_text(text, ()), {"thing": "1"}, {}).text == "x 1 <other> $VAR"


# Control characters are refused before: bash itself doubles some of them within array assignments.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=12)


@settings(max_examples=8, deadline=None)
@given(st.lists(TEXT, min_size=3, max_size=3))
def test_any_value_at_all_arrives(tmp_path_factory, values: list[str]):
    _prove(tmp_path_factory.mktemp("any"), values, WORDS, secret=False)
