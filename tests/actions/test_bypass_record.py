"""What the store holds of a grant, read back."""

from __future__ import annotations

from typing import Any

import pytest

from console.actions import bypass, bypass_store
from tests.actions.test_bypass import KEY, ask, client_of, rule, state
from tests.conftest import RedisServer


def test_a_record_that_reads_back_differently_is_taken_back(redis_server: RedisServer) -> None:
    """A store that loses the expiry, here by a second client that is faster than the reading back."""
    client, meddler = client_of(redis_server), client_of(redis_server)
    real = bypass_store.Store.held
    calls = 0

    def meddled(store: Any, pipe: Any = None) -> Any:
        nonlocal calls
        calls += 1
        if pipe is None:
            meddler.persist(KEY)
        return real(store, pipe)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bypass_store.Store, "held", meddled)
        with pytest.raises(bypass.BypassRefused, match="it would never expire; it was taken back"):
            ask(client)
    assert calls > 1
    assert client.exists(KEY) == 0


def test_it_works_on_fakeredis_too() -> None:
    import fakeredis

    client = fakeredis.FakeRedis()
    granted = ask(client)
    assert state(client).grant == granted
    assert bypass.revoke(client, rule(), "production", granted.id)
    assert state(client).grant is None
