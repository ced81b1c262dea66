"""Secrets come from a private file or the environment, and are shown nowhere."""

from __future__ import annotations

import traceback
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from console.core.system import Environment, PrometheusTarget, RedisTarget, Secret, Tone
from console.systems.secrets import MissingSecret, read_secrets, resolve_redis, resolve_secret, secret_values

PASSWORD = "s3cret-of-staging"
TARGET = RedisTarget(
    host=Secret("REDIS_CLOUD_HOST"),
    port=Secret("REDIS_CLOUD_PORT"),
    username=Secret("REDIS_CLOUD_USERNAME"),
    password=Secret("REDIS_CLOUD_PASSWORD"),
    tls=True,
    database=2,
    timeout=timedelta(seconds=1),
    secrets_file=None,
)
ENVIRON = {
    "REDIS_CLOUD_HOST": "redis.example.net",
    "REDIS_CLOUD_PORT": "19088",
    "REDIS_CLOUD_USERNAME": "default",
    "REDIS_CLOUD_PASSWORD": PASSWORD,
}


def secrets_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "staging.env"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_environment_gives_them() -> None:
    access = resolve_redis(TARGET, ENVIRON)
    assert (access.host, access.port, access.username, access.password) == (
        "redis.example.net",
        19088,
        "default",
        PASSWORD,
    )
    assert (access.tls, access.database, access.timeout, access.place) == (
        True,
        2,
        timedelta(seconds=1),
        "redis.example.net:19088",
    )


def test_the_password_is_in_no_text_of_the_access() -> None:
    access = resolve_redis(TARGET, ENVIRON)
    assert PASSWORD not in repr(access) + str(access) + f"{access}"


def test_every_missing_variable_is_named_at_once() -> None:
    with pytest.raises(
        MissingSecret, match="REDIS_CLOUD_HOST, REDIS_CLOUD_PASSWORD not set; set them in the environment"
    ):
        resolve_redis(TARGET, {"REDIS_CLOUD_PORT": "1", "REDIS_CLOUD_USERNAME": "x"})
    with pytest.raises(MissingSecret, match="TOKEN not set; set it"):
        resolve_secret(Secret("TOKEN"), None, {"TOKEN": ""})


def test_a_port_that_is_none_is_named_and_not_shown() -> None:
    with pytest.raises(MissingSecret, match="REDIS_CLOUD_PORT is not a port") as missing:
        resolve_redis(TARGET, {**ENVIRON, "REDIS_CLOUD_PORT": PASSWORD})
    assert PASSWORD not in "".join(traceback.format_exception(missing.value))


def test_a_file_wins_over_the_environment(tmp_path: Path) -> None:
    path = secrets_file(
        tmp_path,
        "# of staging\n\nexport REDIS_CLOUD_HOST=staging.example.net  # its host\nREDIS_CLOUD_PASSWORD='a # b'\n",
    )
    access = resolve_redis(replace(TARGET, secrets_file=path), ENVIRON)
    assert (access.host, access.password, access.port) == ("staging.example.net", "a # b", 19088)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_may_read_is_refused_with_what_mends_it(mode: int, tmp_path: Path) -> None:
    path = secrets_file(tmp_path, f"REDIS_CLOUD_PASSWORD={PASSWORD}\n", mode)
    with pytest.raises(MissingSecret) as refused:
        resolve_redis(replace(TARGET, secrets_file=path), ENVIRON)
    assert f"chmod 600 {path}" in str(refused.value)
    assert f"{mode:04o}" in str(refused.value)


def test_a_file_that_is_missing_or_wrong_says_where(tmp_path: Path) -> None:
    with pytest.raises(MissingSecret, match=r"absent\.env cannot be read"):
        read_secrets(tmp_path / "absent.env")
    path = secrets_file(tmp_path, f"A=1\n{PASSWORD}\n")
    with pytest.raises(MissingSecret, match=r"staging\.env:2: not a variable") as refused:
        read_secrets(path)
    assert PASSWORD not in "".join(traceback.format_exception(refused.value))


def test_what_must_be_blotted_out_is_known(tmp_path: Path) -> None:
    path = secrets_file(tmp_path, "REDIS_CLOUD_HOST=10.0.0.1\nOTHER_KEY=other-key\nFLAG=1\nREDIS_CLOUD_PASSWORD=abc\n")
    staging = Environment(
        name="staging",
        tone=Tone.STAGING,
        target=None,
        redis=replace(TARGET, secrets_file=path),
        kubernetes=None,
        prometheus=PrometheusTarget("http://127.0.0.1:9090", Secret("TOKEN")),
        scrape=None,
        alertmanager=None,
        logs=(),
        health=(),
        secrets_file=path,
    )
    values = secret_values(staging, {**ENVIRON, "TOKEN": "tok"})
    assert set(values) == {PASSWORD, "other-key", "abc", "tok"}
    assert values[0] == PASSWORD
