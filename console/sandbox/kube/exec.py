"""pods/{name}/exec over websockets: a command in a pod's container, with its streams as channels of one connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import pty
import shutil
import signal
import struct
import termios
from collections.abc import Coroutine, Iterable
from typing import Protocol

from aiohttp import WSMsgType, web

from console.sandbox.kube.api import Api
from console.sandbox.kube.errors import ApiError, bad_request
from console.sandbox.kube.kinds import PODS
from console.sandbox.kube.objects import Obj
from console.sandbox.kube.runtime import Enterable, Inside, RunningContainer
from console.sandbox.kube.subresources import container_of

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_CHUNK = 32 * 1024
_PATIENCE = 1.0  # seconds that a command has to end, once its client has gone


class Node(Protocol):
    """Where containers run."""

    def running(self, uid: str, container: str) -> RunningContainer | None:
        """A container as it runs; None where it does not."""


async def execute(api: Api, node: Node | None, request: web.Request, namespace: str, name: str) -> web.StreamResponse:
    """Answer one request: refuse it as plain HTTP, else speak v5 or v4 of the channel protocol until the command ends.

    Raises ApiError before the connection is upgraded.
    """
    query = request.query
    command = query.getall("command", [])
    inside = _inside(api, node, namespace, name, query.get("container", ""))
    if not command:
        raise bad_request("you must specify at least one command for the container")
    wanted = [word.strip() for word in request.headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if request.headers.get("Upgrade", "").lower() != "websocket" or not set(wanted) & set(PROTOCOLS):
        raise bad_request(f"Upgrade request required: websocket, by one of {', '.join(PROTOCOLS)}")
    socket = web.WebSocketResponse(protocols=PROTOCOLS, max_msg_size=0)
    await socket.prepare(request)
    channels = _Channels(socket)
    with contextlib.suppress(ConnectionResetError, ConnectionError):
        status = await _run(inside, command, channels, tty=_is(query.get("tty")), stdin=_is(query.get("stdin")))
        await channels.send(ERROR, json.dumps(status).encode())
        await socket.close()
    return socket


class _Channels:
    """One connection: every message begins with the number of its channel."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self._sending = asyncio.Lock()

    async def send(self, channel: int, data: bytes) -> None:
        async with self._sending:
            await self.socket.send_bytes(bytes([channel]) + data)


def _is(told: str | None) -> bool:
    return told in ("true", "1")


def _inside(api: Api, node: Node | None, namespace: str, name: str, asked: str) -> Inside:
    """Where the command is to run. Raises ApiError as an API server and its kubelet do."""
    pod = api.get(PODS, namespace, name)
    container = container_of(pod, asked)
    phase = (pod.get("status") or {}).get("phase", "")
    if phase in ("Succeeded", "Failed"):
        raise bad_request(f"cannot exec into a container in a completed pod; current phase is {phase}")
    if not pod["spec"].get("nodeName") or node is None:
        raise bad_request(f"pod {name} does not have a host assigned")
    run = node.running(pod["metadata"]["uid"], container)
    if run is None:
        raise _broken(f'unable to upgrade connection: container not found ("{container}")')
    if not isinstance(run, Enterable):
        raise _broken(f'unable to upgrade connection: the container "{container}" cannot be entered')
    try:
        return run.inside()
    except OSError as error:
        raise _broken(f"unable to upgrade connection: {error}") from error


def _broken(why: str) -> ApiError:
    return ApiError(500, "InternalError", f"Internal error occurred: {why}")


async def _run(inside: Inside, command: list[str], channels: _Channels, *, tty: bool, stdin: bool) -> Obj:
    """Run the command and give the status of its end; ends it where the client goes away."""
    program = shutil.which(command[0], path=inside.environ.get("PATH", os.defpath))
    if program is None:
        why = f'exec: "{command[0]}": executable file not found in $PATH: unknown'
        return _broken(f"error executing command in container: {why}").status()
    master, slave = pty.openpty() if tty else (-1, -1)
    given = slave if tty else (asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL)
    output = slave if tty else asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            command[0], *command[1:],
            executable=program, cwd=inside.folder, env=dict(inside.environ),
            stdin=given, stdout=output, stderr=output, start_new_session=True, preexec_fn=inside.prepare,
        )  # fmt: skip
    except OSError as error:
        return _broken(f"error executing command in container: {error}").status()
    finally:
        if tty:
            os.close(slave)
    if tty:
        streams = [_copy_terminal(master, channels)]
    else:
        streams = [_copy(process.stdout, STDOUT, channels), _copy(process.stderr, STDERR, channels)]
    listening = asyncio.create_task(_listen(channels, process, master))
    copying = asyncio.create_task(_all(streams))
    ended = asyncio.create_task(process.wait())
    try:
        await asyncio.wait([copying, listening, ended], return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            # What the command printed last is still on its way.
            await asyncio.wait({copying}, timeout=None if not ended.done() else _PATIENCE)
            await asyncio.wait({ended, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            await _end(process)
        return _status(await ended)
    finally:
        await _end(process)
        for task in (listening, copying):
            task.cancel()
        await asyncio.gather(listening, copying, return_exceptions=True)
        if tty:
            os.close(master)


def _status(code: int) -> Obj:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    code = 128 - code if code < 0 else code
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


async def _all(streams: Iterable[Coroutine[None, None, None]]) -> None:
    await asyncio.gather(*streams)


async def _copy(stream: asyncio.StreamReader | None, channel: int, channels: _Channels) -> None:
    while stream and (data := await stream.read(_CHUNK)):
        await channels.send(channel, data)


async def _copy_terminal(master: int, channels: _Channels) -> None:
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        try:
            data = os.read(master, _CHUNK)
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: the last process that had the terminal has ended
                raise
            data = b""
        if not data:
            loop.remove_reader(master)
        arrived.put_nowait(data)

    loop.add_reader(master, read)
    try:
        while data := await arrived.get():
            await channels.send(STDOUT, data)
    finally:
        loop.remove_reader(master)


async def _listen(channels: _Channels, process: asyncio.subprocess.Process, master: int) -> None:
    """Take what the client sends, until it goes away."""
    async for message in channels.socket:
        if message.type is not WSMsgType.BINARY or not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel == STDIN and data:
            if master >= 0:
                os.write(master, data)
            elif process.stdin:
                with contextlib.suppress(ConnectionError):
                    process.stdin.write(data)
                    await process.stdin.drain()
        elif channel == CLOSE and data[:1] == bytes([STDIN]) and process.stdin:
            process.stdin.close()
        elif channel == RESIZE and master >= 0:
            with contextlib.suppress(ValueError, KeyError, TypeError, struct.error, OSError):
                size = json.loads(data)
                fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", size["Height"], size["Width"], 0, 0))


async def _end(process: asyncio.subprocess.Process) -> None:
    """End the command and what it has started."""
    if process.returncode is not None:
        return
    for number in (signal.SIGHUP, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _PATIENCE)
            return
