"""A console in miniature, for tests that kill one: grants a bypass, says so, and then waits to be killed."""

import sys
import time
from datetime import timedelta
from pathlib import Path

from console.actions import bypass
from console.core.system import BypassRule
from console.systems.redis_connection import open_redis
from console.systems.secrets import RedisAccess


def main() -> None:
    port, key, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    access = RedisAccess("127.0.0.1", port, None, None, False, 0, timedelta(seconds=1))
    rule = BypassRule(key, "BYPASS", timedelta(minutes=15), 3, Path("unused"), (), ())
    granted = bypass.grant(
        open_redis(access, name="granter"),
        rule,
        system="hak-gal",
        environment="production",
        reason="false positives after the rule push",
        actor="kim",
        host="bastion",
        length=timedelta(seconds=seconds),
        say=lambda line: None,
    )
    print(granted.id, flush=True)
    time.sleep(3600)


if __name__ == "__main__":
    main()
