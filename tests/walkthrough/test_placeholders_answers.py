"""What a placeholder asks for, which answers it takes, and what stands in for it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.core.runbooks.document import Options
from console.core.runbooks.filling import Form, Want
from console.walkthrough.filling.finding import places_of
from console.walkthrough.filling.names import key_of
from console.walkthrough.filling.placeholders import fault_of, filled, in_text, placeholders_of, with_stand_ins
from tests.walkthrough.test_placeholders import runbook


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("kubectl -n <x1> get pods", Want.NAMESPACE),
        ("kubectl logs <it>", Want.POD),
        ("kubectl exec -it <thing> -- sh", Want.POD),
        ("kubectl rollout restart deploy/<thing>", Want.DEPLOYMENT),
        ("kubectl rollout undo deployment <thing>", Want.DEPLOYMENT),
        ("kubectl logs p -c <thing>", Want.CONTAINER),
        ("docker restart <thing>", Want.CONTAINER),
        ("kubectl drain <thing>", Want.HOST),
        ("x <password>", Want.SECRET),
        ("x $GITHUB_TOKEN", Want.SECRET),
        ("x <api-key>", Want.SECRET),
        ("x <client_secret>", Want.SECRET),
        ("x $DB_CREDENTIALS", Want.SECRET),
        ("curl -u admin:<it>", Want.SECRET),
        ("redis-cli -a <it> PING", Want.SECRET),
        ("mysql -p<it>", Want.SECRET),
        ("curl -H 'Authorization: Bearer <it>'", Want.SECRET),
        ("psql postgres://u:<it>@h/d", Want.SECRET),
        ("x --token <it>", Want.SECRET),
        ("kubectl get secret <secret-name>", Want.TEXT),
        ("kubectl get secret <secret>", Want.TEXT),
        ("redis-cli GET <key>", Want.TEXT),
        ("x <cache-key>", Want.TEXT),
        ("x <key-name>", Want.TEXT),
        ("x <ssh-key-path>", Want.FILE),
        ("x <token-file>", Want.FILE),
        ("x $DB_PORT", Want.PORT),
        ("redis-cli -p <it>", Want.PORT),
        ("redis-cli -h <it>", Want.HOST),
        ("ssh <it>", Want.HOST),
        ("ssh <user>@h", Want.TEXT),
        ("curl <it>", Want.URL),
        ("x <webhook-url>", Want.URL),
        ("x <image-tag>", Want.VERSION),
        ("x $VERSION", Want.VERSION),
        ("x <config file>", Want.FILE),
        ("x <backup_path>", Want.FILE),
        ("kubectl apply -f <it>", Want.FILE),
        ("x <tenant-id>", Want.TENANT),
        ("x <replica count>", Want.NUMBER),
        ("kubectl scale x --replicas=<it>", Want.NUMBER),
        ("x --timeout=<it>", Want.DURATION),
        ("x <namespace/pod>", Want.TEXT),
        ("x <something else>", Want.TEXT),
        ("head -n <it>", Want.TEXT),
        ("kubectl create secret generic s --from-literal=password=<value>", Want.SECRET),
    ],
)
def test_the_kind_of_value_is_told_from_name_and_place(text: str, want: Want):
    assert [one.want for one in in_text(text, ())] == [want]


def test_defaults_and_choices_are_offered():
    port, env, note = in_text("x <port:8080> <dev|staging|prod> <namespace (default: web)> <image:tag>", ())[:3]
    assert (port.name, port.default) == ("port", "8080")
    assert env.choices == ("dev", "staging", "prod")
    assert (note.name, note.default) == ("namespace", "web")
    assert in_text("x <image:tag>", ())[0].default == ""


def test_an_exported_value_is_asked_where_the_file_says_so():
    text = 'export REGION=eu-west-1\nexport NAME="some one"\necho $REGION'
    assert in_text(text, ()) == ()
    asked = Options(prompt_env="yes")
    assert [(one.name, one.default) for one in in_text(text, (), asked)] == [
        ("REGION", "eu-west-1"),
        ("NAME", "some one"),
    ]
    done = filled(text, in_text(text, (), asked), {"REGION": "us east", "NAME": "b"}, {}, asked)
    assert done.text == "export REGION='us east'\nexport NAME=b\necho $REGION"
    assert in_text(text, (), Options(prompt_env="yes", skip_prompts=True)) == ()
    assert [one.name for one in placeholders_of(runbook(text, options=asked), ())] == ["REGION", "NAME"]


def test_stand_ins_make_a_command_that_can_be_judged():
    assert with_stand_ins("kubectl logs <pod> -n $NS") == "kubectl logs pod -n $NS"
    assert (
        with_stand_ins("kubectl scale deploy/<name> --replicas=<count>")
        == "kubectl scale deploy/deployment-name --replicas=1"
    )
    assert with_stand_ins("sudo <command> -rf") == 'sudo "${HAKGAL_VALUE_COMMAND}" -rf'
    assert with_stand_ins("ssh <host> '<command> x'").startswith("ssh host ''\"${HAKGAL")
    assert with_stand_ins("echo $(( <n> + 1 ))") == "echo $(( 1 + 1 ))"


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        ("x <pod>", ["api-7d9f-x2", "a.b"], ["API", "a_b", "-a", "a b", "", "a" * 300]),
        ("x <namespace>", ["prod"], ["a.b", "Prod", "a" * 64]),
        ("x <deployment>", ["api"], ["deploy/api", "a..b"]),
        ("x <count>", ["0", "12", "1.5", "50%"], ["-1", "two", "1 2"]),
        ("x <port>", ["1", "65535"], ["0", "65536", "http", "８０"]),
        ("x <url>", ["https://h/p?q=1", "h:80/p"], ["a b", "https://", "x'y"]),
        ("x <version>", ["v1.2.3-rc1"], ["1 2", "-1"]),
        ("x <duration>", ["30s", "1h30m", "10"], ["soon", "5 m"]),
        ("x <host>", ["h.example", "10.0.0.1", "[::1]"], ["-oProxyCommand=x", "a;b"]),
        (
            "x <thing>",
            ["-rf", "any $(thing) 'at' all"],
            ["a\nb", "a\0", "a\x1b[0m", "x" * 4097, "<thing>", "CHANGEME", "your-thing"],
        ),
        ("x <password>", ["<p>", "CHANGEME", "-x", "a b"], ["a\nb", "", "x" * 4097]),
        ("x <file>", ["/a b/c"], ["-x"]),
    ],
)
def test_an_answer_of_the_wrong_kind_is_told_in_one_sentence(text: str, good: list[str], bad: list[str]):
    (one,) = in_text(text, ())
    assert [fault_of(one, value) for value in good] == [""] * len(good)
    for value in bad:
        fault = fault_of(one, value)
        assert fault and "\n" not in fault and len(fault) < 250, value


SHELLISH = st.text(
    st.sampled_from("ab <>'\"`$(){}[]|&;#\\\n\tx=:/-EOF{{}}!é日") | st.characters(codec="utf-8"), max_size=120
)
PIECES = st.lists(
    st.sampled_from(
        [
            "<pod>",
            "<<APP>>",
            "{{ x }}",
            "{id}",
            "$VAR",
            "${V}",
            "${V:-",
            "CHANGEME",
            "your-name",
            "xxx",
            "x.x.x.x",
            "'",
            '"',
            "`",
            "$(",
            ")",
            "$((",
            "))",
            "<<EOF\n",
            "<<'E'\n",
            "\nEOF\n",
            "\nE\n",
            "\\",
            "#",
            " ",
            "\n",
            ";",
            "|",
            "bash -c ",
            "kubectl logs ",
            "for x in ",
            "; do ",
            "; done",
            "case a in ",
            "esac",
            "export A=",
            "$'",
            "a",
            "<(",
            "[[ ",
            " ]]",
            "{",
            "}",
            "é",
        ]
    ),
    max_size=25,
).map("".join)


@settings(max_examples=250, deadline=None)
@given(SHELLISH | PIECES)
def test_any_text_is_read_and_what_is_found_lies_in_it(text: str):
    places = places_of(text, (), Options())
    end = 0
    for place in sorted((place for place in places if place.spot is not None), key=lambda place: place.start):
        assert place.spot is not None and end <= place.spot.start < place.spot.end <= len(text)
        end = place.spot.end
    assert all(0 <= place.start <= len(text) and place.key == key_of(place.key) for place in places)
    assert all(place.key for place in places)
    with_stand_ins(text)
    in_text(text, (), Options(interpreter="python3", prompt_env="yes"))


@settings(max_examples=200, deadline=None)
@given(PIECES)
def test_nothing_is_left_of_what_was_filled_in(text: str):
    asked = [one for one in in_text(text, ()) if one.form is not Form.VARIABLE]
    done = filled(text, asked, {one.name: "7" for one in asked}, {})
    left = {place.written for place in places_of(done.text, (), Options()) if place.spot is not None}
    assert not left & {one.written for one in asked}
