"""One real Prometheus for all tests of PromQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.sources.promql.storage import Storage
from tests.sources.promql.oracle import Oracle, start_prometheus
from tests.sources.promql.world import Made, as_storage, make


@pytest.fixture(scope="session")
def world() -> list[Made]:
    return make()


@pytest.fixture(scope="session")
def storage(world: list[Made]) -> Storage:
    return as_storage(world)


@pytest.fixture(scope="session")
def oracle(world: list[Made], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    running = start_prometheus(tmp_path_factory.mktemp("prometheus"), made=world)
    yield running
    running.stop()
