"""Pod templates: told apart, and their literal secrets kept from screen and journal."""

from __future__ import annotations

import json

import pytest

from console.core.templates import HIDDEN, digest, holds_secret, masked


def template(**env: object) -> str:
    variables = [
        {"name": name, **(value if isinstance(value, dict) else {"value": value})} for name, value in env.items()
    ]
    return json.dumps({"spec": {"containers": [{"name": "app", "env": variables}]}}, sort_keys=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_PASSWORD", "hunter2"),
        ("API_KEY_SECRET", "abc"),
        ("GITHUB_TOKEN", "abc"),
        ("DATABASE", "postgres://web:hunter2@db/web"),
        ("CERT", "-----BEGIN PRIVATE KEY-----"),
        ("AWS", "AKIAABCDEFGHIJKLMNOP"),
    ],
)
def test_a_literal_secret_is_hidden_and_not_stored(name: str, value: str) -> None:
    text = template(**{name: value, "AUDIT_LEVEL": "FULL"})
    assert holds_secret(text)
    assert value not in masked(text) and HIDDEN in masked(text) and "FULL" in masked(text)


def test_a_reference_to_a_secret_is_no_secret() -> None:
    text = template(REDIS_PASSWORD={"valueFrom": {"secretKeyRef": {"name": "redis", "key": "password"}}}, MODE="x")
    assert not holds_secret(text)
    assert json.loads(masked(text)) == json.loads(text)


def test_a_digest_tells_templates_apart() -> None:
    assert digest(template(A="1")) == digest(template(A="1")) != digest(template(A="2"))
