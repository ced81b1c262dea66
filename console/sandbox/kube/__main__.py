"""`python -m console.sandbox.kube`: a cluster of its own, until interrupted or until its parent is gone."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

PARENT_CHECK_EVERY = 0.5


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m console.sandbox.kube", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="where to write the kubeconfig (mode 0600)")
    parser.add_argument("--no-pods", action="store_true", help="no node and no kubelet: pods stay Pending")
    parser.add_argument("--ready-after", type=float, default=0.5, help="seconds until a container is ready")
    parser.add_argument("--never-ready", default=r":[^/]*broken", help="pattern of images that never become ready")
    parser.add_argument("--backoff", type=float, default=10.0, help="seconds of the first restart back-off")
    parser.add_argument("--history", type=int, default=5_000, help="how many changes are kept for watches")
    return parser.parse_args()


async def _main(arguments: argparse.Namespace) -> int:
    from console.sandbox.kube.pods import Timing
    from console.sandbox.kube.runtime import PretendingRuntime
    from console.sandbox.kube.server import KubeServer

    parent = os.getppid()
    runtime = PretendingRuntime(ready_after=arguments.ready_after, never_ready=arguments.never_ready)
    server = KubeServer(
        port=arguments.port,
        runtime=None if arguments.no_pods else runtime,
        timing=Timing(probe=0.2, backoff=arguments.backoff),
        history=arguments.history,
    )
    try:
        await server.start()
    except OSError as error:
        sys.stderr.write(f"127.0.0.1:{arguments.port}: cannot listen: {error.strerror}; choose another --port.\n")
        return 1
    try:
        server.write_kubeconfig(arguments.kubeconfig)
    except OSError as error:
        sys.stderr.write(f"{arguments.kubeconfig}: cannot write the kubeconfig: {error.strerror}.\n")
        await server.stop()
        return 1
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, ended.set)
    sys.stdout.write(json.dumps({"kubeconfig": str(arguments.kubeconfig.absolute()), "url": server.url}) + "\n")
    sys.stdout.flush()
    while not ended.is_set() and os.getppid() == parent:
        try:
            await asyncio.wait_for(ended.wait(), PARENT_CHECK_EVERY)
        except TimeoutError:
            continue
    await server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(_arguments())))
