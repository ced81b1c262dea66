"""The patch formats, against the results that their documents give, and the laws they keep for any document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from console.sandbox.kube.patches import (
    NotApplicable,
    PatchError,
    json_patch,
    merge_key,
    merge_patch,
    strategic_merge_patch,
)
from tests.sandbox.kube_cluster import (
    APPLY,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    Client,
    Json,
    Namespace,
    any_cluster,
    container,
    deployment,
    own_namespace,
)

pytestmark = pytest.mark.xdist_group("kube-patches")


# JSON merge patch

RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


@pytest.mark.parametrize(("target", "patch", "result"), RFC_7396)
def test_merge_patch_gives_what_appendix_a_of_rfc_7396_says(target: Any, patch: Any, result: Any) -> None:
    assert merge_patch(target, patch) == result


# JSON patch

RFC_6902: list[tuple[Any, list[Json], Any]] = [
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"foo": "bar", "baz": "qux"}),
    ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "q"}], {"foo": ["bar", "q", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ({"foo": ["bar", "q", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    ({"foo": [1, 2, 3, 4]}, [{"op": "move", "from": "/foo/1", "path": "/foo/3"}], {"foo": [1, 3, 4, 2]}),
    ({"baz": "qux"}, [{"op": "test", "path": "/baz", "value": "qux"}], {"baz": "qux"}),
    ({"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"g": {}}}], {"foo": "bar", "child": {"g": {}}}),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["abc"]}], {"foo": ["bar", ["abc"]]}),
    ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
    ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
    ({"a/b": 1}, [{"op": "remove", "path": "/a~1b"}], {}),
]
IMPOSSIBLE: list[tuple[Any, list[Json]]] = [
    ({"baz": "qux"}, [{"op": "test", "path": "/baz", "value": "bar"}]),
    ({"foo": "bar"}, [{"op": "add", "path": "/baz/bat", "value": "qux"}]),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": "10"}]),
    ({"a": 1}, [{"op": "test", "path": "/a", "value": True}]),
    ({"a": 1}, [{"op": "remove", "path": "/b"}]),
    ({"a": 1}, [{"op": "replace", "path": "/b", "value": 1}]),
    ({"a": [1]}, [{"op": "add", "path": "/a/2", "value": 1}]),
    ({"a": [1]}, [{"op": "remove", "path": "/a/01"}]),
    ({"a": {"b": 1}}, [{"op": "move", "from": "/a", "path": "/a/c"}]),
]


@pytest.mark.parametrize(("target", "operations", "result"), RFC_6902)
def test_json_patch_gives_what_appendix_a_of_rfc_6902_says(target: Any, operations: list[Json], result: Any) -> None:
    assert json_patch(target, operations) == result


@pytest.mark.parametrize(("target", "operations"), IMPOSSIBLE)
def test_a_json_patch_that_does_not_fit_is_refused_as_a_whole(target: Any, operations: list[Json]) -> None:
    before = repr(target)
    with pytest.raises(NotApplicable):
        json_patch(target, [{"op": "add", "path": "/new", "value": 1}, *operations])
    assert repr(target) == before


@pytest.mark.parametrize(
    "patch", [{}, [1], [{"op": "add"}], [{"op": "spoil", "path": "/a"}], [{"op": "add", "path": "/a"}]]
)
def test_what_is_no_json_patch_is_refused(patch: Any) -> None:
    with pytest.raises(PatchError):
        json_patch({"a": 1}, patch)


# Strategic merge patch


def pod_spec(*containers: Json, **fields: Any) -> Json:
    return {"spec": {"template": {"spec": {"containers": list(containers), **fields}}}}


def names(obj: Json, field: str = "containers") -> list[str]:
    return [item["name"] for item in obj["spec"]["template"]["spec"][field]]


NGINX = {"name": "patch-demo-ctr", "image": "nginx"}
REDIS = {"name": "patch-demo-ctr-2", "image": "redis"}


def test_containers_merge_by_name_and_tolerations_are_replaced() -> None:
    # The two examples of the page "Update API Objects in Place Using kubectl patch".
    live = pod_spec(NGINX, tolerations=[{"effect": "NoSchedule", "key": "dedicated", "value": "test-team"}])
    result = strategic_merge_patch(live, pod_spec(REDIS))
    assert names(result) == ["patch-demo-ctr-2", "patch-demo-ctr"]
    other = {"effect": "NoSchedule", "key": "disktype", "value": "ssd"}
    result = strategic_merge_patch(result, {"spec": {"template": {"spec": {"tolerations": [other]}}}})
    assert result["spec"]["template"]["spec"]["tolerations"] == [other]
    assert len(names(result)) == 2


def test_a_strategy_with_retain_keys_loses_the_keys_that_are_not_named() -> None:
    # The page's example: a Deployment with rollingUpdate becomes a Recreate one.
    live = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert strategic_merge_patch(live, patch) == {"spec": {"strategy": {"type": "Recreate"}}}
    with pytest.raises(PatchError, match="rollingUpdate must be in"):
        strategic_merge_patch(live, {"spec": {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}}})


def test_elements_are_deleted_and_whole_lists_and_objects_replaced_by_directive() -> None:
    live = pod_spec(NGINX, REDIS)
    gone = strategic_merge_patch(live, pod_spec({"name": "patch-demo-ctr", "$patch": "delete"}))
    assert names(gone) == ["patch-demo-ctr-2"]
    only = strategic_merge_patch(live, pod_spec({"name": "other", "image": "x"}, {"$patch": "replace"}))
    assert names(only) == ["other"]
    labels = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    replaced = strategic_merge_patch(labels, {"metadata": {"labels": {"$patch": "replace", "c": "3"}}})
    assert replaced == {"metadata": {"labels": {"c": "3"}}}
    emptied = strategic_merge_patch(labels, {"metadata": {"labels": {"$patch": "delete"}}})
    assert emptied == {"metadata": {"labels": {}}}
    with pytest.raises(PatchError, match="unknown patch type"):
        strategic_merge_patch(labels, {"metadata": {"labels": {"$patch": "spoil"}}})


def test_env_ports_mounts_and_conditions_merge_by_their_own_keys() -> None:
    live = pod_spec(
        {
            "name": "a",
            "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}],
            "ports": [{"containerPort": 80, "name": "http"}],
            "volumeMounts": [{"mountPath": "/a", "name": "v"}],
            "args": ["one", "two"],
        }
    )
    patch = pod_spec(
        {
            "name": "a",
            "env": [{"name": "Y", "value": "3"}, {"name": "X", "$patch": "delete"}],
            "ports": [{"containerPort": 80, "protocol": "UDP"}, {"containerPort": 81}],
            "volumeMounts": [{"mountPath": "/b", "name": "v"}],
            "args": ["three"],
        }
    )
    (result,) = strategic_merge_patch(live, patch)["spec"]["template"]["spec"]["containers"]
    assert result["env"] == [{"name": "Y", "value": "3"}]
    assert result["ports"] == [{"containerPort": 80, "name": "http", "protocol": "UDP"}, {"containerPort": 81}]
    assert [mount["mountPath"] for mount in result["volumeMounts"]] == ["/b", "/a"]
    assert result["args"] == ["three"]
    status = {"status": {"conditions": [{"type": "Ready", "status": "False"}, {"type": "Other", "status": "True"}]}}
    ready = strategic_merge_patch(status, {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    assert [each["status"] for each in ready["status"]["conditions"]] == ["True", "True"]


def test_an_env_source_takes_the_place_of_a_value_when_the_patch_says_null() -> None:
    live = pod_spec({"name": "a", "env": [{"name": "X", "value": "1"}]})
    source = {"secretKeyRef": {"name": "s", "key": "k"}}
    patch = pod_spec({"name": "a", "env": [{"name": "X", "value": None, "valueFrom": source}]})
    (result,) = strategic_merge_patch(live, patch)["spec"]["template"]["spec"]["containers"]
    assert result["env"] == [{"name": "X", "valueFrom": source}]


def test_finalizers_are_a_set_that_directives_take_from() -> None:
    live = {"metadata": {"finalizers": ["a", "b"]}}
    assert strategic_merge_patch(live, {"metadata": {"finalizers": ["c", "a"]}}) == {
        "metadata": {"finalizers": ["c", "a", "b"]}
    }
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert strategic_merge_patch(live, patch) == {"metadata": {"finalizers": ["b"]}}


def test_set_element_order_orders_what_it_names_and_leaves_the_rest_near_its_neighbours() -> None:
    live = pod_spec(*({"name": name} for name in ("a", "b", "extra", "c")))
    order = [{"name": name} for name in ("c", "new", "a", "b")]
    patch = {"spec": {"template": {"spec": {"$setElementOrder/containers": order, "containers": [{"name": "new"}]}}}}
    assert names(strategic_merge_patch(live, patch)) == ["extra", "c", "new", "a", "b"]


def test_a_list_element_without_its_merge_key_is_refused() -> None:
    with pytest.raises(PatchError, match="does not contain declared merge key: name"):
        strategic_merge_patch(pod_spec(NGINX), pod_spec({"image": "x"}))


@pytest.mark.parametrize(
    ("path", "key"),
    [
        (("spec", "template", "spec", "containers"), "name"),
        (("spec", "template", "spec", "containers", "ports"), "containerPort"),
        (("spec", "ports"), "port"),
        (("subsets", "ports"), None),
        (("spec", "template", "spec", "tolerations"), None),
        (("spec", "template", "spec", "containers", "args"), None),
    ],
)
def test_the_merge_keys_are_those_of_the_published_types(path: tuple[str, ...], key: str | None) -> None:
    assert merge_key(path) == key


# Laws

scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.text("ab", max_size=2)
keys = st.sampled_from(["a", "b", "c"])
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return value


@given(documents, documents)
def test_a_merge_patch_applied_twice_is_as_applied_once_and_spares_its_target(target: Any, patch: Any) -> None:
    before = repr(target)
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once
    assert repr(target) == before


@given(st.dictionaries(keys, documents, max_size=3))
def test_merging_an_object_into_nothing_gives_it_without_nulls_and_an_empty_patch_changes_nothing(patch: Json) -> None:
    assert merge_patch({}, patch) == without_nulls(patch)
    assert merge_patch(patch, {}) == patch


@given(documents, documents)
def test_a_json_patch_of_test_and_replace_gives_the_new_document(old: Any, new: Any) -> None:
    operations = [{"op": "test", "path": "", "value": old}, {"op": "replace", "path": "", "value": new}]
    assert json_patch(old, operations) == new


element_names = st.sampled_from(["x", "y", "z"])
variables = st.lists(
    st.fixed_dictionaries({"name": element_names}, optional={"value": st.text("ab", max_size=2)}),
    unique_by=lambda item: item["name"],
    max_size=3,
)
containers = st.lists(
    st.fixed_dictionaries(
        {"name": element_names},
        optional={"image": st.text("ab", min_size=1, max_size=2), "env": variables, "args": st.lists(keys, max_size=2)},
    ),
    unique_by=lambda item: item["name"],
    max_size=3,
)
objects = st.fixed_dictionaries(
    {}, optional={"spec": st.fixed_dictionaries({}, optional={"containers": containers, "replicas": st.integers(0, 3)})}
)


@given(objects, objects)
@settings(max_examples=200)
def test_a_strategic_patch_applied_twice_is_as_applied_once_and_spares_its_target(target: Json, patch: Json) -> None:
    before = repr(target)
    once = strategic_merge_patch(target, patch)
    assert strategic_merge_patch(once, patch) == once
    assert repr(target) == before


@given(objects, objects)
def test_a_strategic_patch_loses_no_element_and_contains_its_patch(target: Json, patch: Json) -> None:
    result = strategic_merge_patch(target, patch)

    def by_name(obj: Json) -> dict[str, Json]:
        return {item["name"]: item for item in (obj.get("spec") or {}).get("containers") or ()}

    assert by_name(result).keys() == by_name(target).keys() | by_name(patch).keys()
    for name, asked in by_name(patch).items():
        got = by_name(result)[name]
        assert all(got[field] == asked[field] for field in ("image", "args") if field in asked)
        assert {item["name"] for item in asked.get("env", ())} <= {item["name"] for item in got.get("env", ())}


@given(objects)
def test_the_object_itself_and_an_empty_patch_change_nothing(target: Json) -> None:
    assert strategic_merge_patch(target, target) == target
    assert strategic_merge_patch(target, {}) == target


# Over HTTP, also against a real cluster


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with any_cluster(tmp_path_factory.mktemp("kube")) as client:
        yield client


@pytest.fixture
def namespace(client: Client) -> Iterator[Namespace]:
    with own_namespace(client) as namespace:
        yield namespace


def containers_of(obj: Json) -> list[Json]:
    return list(obj["spec"]["template"]["spec"]["containers"])


@pytest.mark.kubernetes
def test_each_format_changes_a_deployment_as_its_rules_say(namespace: Namespace) -> None:
    namespace.create("deployments", deployment(paused=True, replicas=0))
    side = pod_spec({"name": "side", "image": "registry.k8s.io/pause:2"})
    result = namespace.patch("deployments", "web", side, media=STRATEGIC)
    assert names(result) == ["side", "app"]
    operations = [
        {"op": "replace", "path": "/spec/template/spec/containers/1/image", "value": "registry.k8s.io/pause:7"}
    ]
    result = namespace.patch("deployments", "web", operations, media=JSON_PATCH)
    assert containers_of(result)[1]["image"] == "registry.k8s.io/pause:7"
    assert len(containers_of(result)) == 2
    result = namespace.patch("deployments", "web", pod_spec(container("8")), media=MERGE)
    assert [each["image"] for each in containers_of(result)] == ["registry.k8s.io/pause:8"]
    retain = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    assert namespace.patch("deployments", "web", retain, media=STRATEGIC)["spec"]["strategy"] == {"type": "Recreate"}


@pytest.mark.kubernetes
def test_a_json_patch_with_tests_for_version_and_image_is_a_precondition(namespace: Namespace) -> None:
    made = namespace.create("deployments", deployment(paused=True, replicas=0))
    image = "/spec/template/spec/containers/0/image"
    for value, code in (("registry.k8s.io/pause:3.9", 200), ("registry.k8s.io/pause:3.9", 422)):
        operations = [
            {"op": "test", "path": "/metadata/uid", "value": made["metadata"]["uid"]},
            {"op": "test", "path": image, "value": value},
            {"op": "replace", "path": image, "value": "registry.k8s.io/pause:2"},
        ]
        path = namespace.path("deployments", "web")
        assert namespace.client.call("PATCH", path, operations, media=JSON_PATCH).status_code == code


@pytest.mark.kubernetes
def test_server_side_apply_creates_changes_and_takes_away_what_is_no_longer_applied(namespace: Namespace) -> None:
    config = deployment(paused=True, replicas=0)
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    containers_of(config)[0]["env"] = env
    query = {"fieldManager": "tester", "force": "true"}
    answer = namespace.client.call("PATCH", namespace.path("deployments", "web"), config, media=APPLY, **query)
    assert answer.status_code == 201
    namespace.patch("deployments", "web", {"metadata": {"labels": {"mine": "1"}}}, media=MERGE)
    del env[0]
    result = namespace.patch("deployments", "web", config, media=APPLY, **query)
    assert containers_of(result)[0]["env"] == [{"name": "B", "value": "2"}]
    assert result["metadata"]["labels"] == {"mine": "1"}
    status = namespace.client.refused(422, "PATCH", namespace.path("deployments", "web"), config, media=APPLY)
    assert "fieldManager" in status["message"]
