"""docker, as a command line on the practice Docker host."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from console.sandbox.tools.calls import Answer, Call, Failed, chosen, introduced
from console.sandbox.tools.docker import BRIDGE, GATEWAY, HOST_NETWORK, SUBNET, DockerHost, Running

ABOUT = """\
  docker ps [-a] [-q] [--format TEMPLATE] [--filter name=NAME]
  docker run -d --name NAME [--network host|bridge] [-p HOST:CONTAINER] [-v FILE:PATH] [-e NAME[=VALUE]]
             IMAGE [ARGUMENT...]
  docker stop|start|restart|rm [-f]|logs [--tail N]|inspect [-f TEMPLATE] NAME...
  docker network ls|inspect, docker images

Ports of localhost are led to its containers for the `curl` beside it; nothing listens on them for other programs.
Templates know {{.Field.Field}} and {{json .Field}}."""
_NAMES = ("Names", "Image", "Status", "Ports", "ID", "Networks", "State", "Command", "CreatedAt")


class Docker:
    """The program. host: what it talks to."""

    def __init__(self, host: DockerHost) -> None:
        self._host = host

    async def __call__(self, call: Call) -> Answer:
        """Run one call. Raises Failed."""
        if told := introduced("docker", ABOUT, call):
            return told
        word, *rest = call.arguments
        if word == "container" and rest:
            word, *rest = rest
            word = {"ls": "ps", "list": "ps"}.get(word, word)
        given = tuple(rest)
        match word:
            case "ps":
                return self._ps(given)
            case "run":
                return await self._run(given, dict(call.passed))
            case "stop" | "kill" | "start" | "restart" | "rm":
                return await self._each(word, given)
            case "inspect":
                return self._inspect(given)
            case "logs":
                return self._logs(given)
            case "network":
                return self._network(given)
            case "images":
                lines = [f"{spec.image.partition(':')[0]:<28}latest" for spec in self._host.images()]
                return Answer("\n".join([f"{'REPOSITORY':<28}TAG", *lines]) + "\n")
        raise Failed(f"docker: '{word}' is not a docker command of this stand-in.\nSee 'docker --help'")

    def _ps(self, given: tuple[str, ...]) -> Answer:
        options, _ = chosen(
            given, "aqf:", {"format": "", "filter": "f"}, {"all": "a", "quiet": "q", "no-trunc": "", "latest": ""}
        )
        shown = [item for item in self._host.containers.values() if item.runs or "all" in options]
        for told in options.get("filter", ()):
            key, _, value = told.partition("=")
            if key == "name":
                shown = [item for item in shown if re.search(value, item.name)]
            elif key == "network":
                shown = [item for item in shown if item.network == value]
            elif key == "status":
                shown = [item for item in shown if item.seen(self._host.image(item.image))["State"]["Status"] == value]
            else:
                raise Failed(f"Error response from daemon: invalid filter '{key}'")
        shown.reverse()
        if "quiet" in options:
            return Answer("".join(f"{item.identity[:12]}\n" for item in shown))
        rows = [self._row(item) for item in shown]
        form = (options.get("format") or ["table {{.ID}}\t{{.Image}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}"])[-1]
        table = form.startswith("table ")
        form = form.removeprefix("table ").replace("\\t", "\t")
        lines = [_filled(form, row) for row in rows]
        if not table:
            return Answer("".join(f"{line}\n" for line in lines))
        heads = {name: {"ID": "CONTAINER ID"}.get(name, name.upper()) for name in _NAMES}
        return Answer(_columns([_filled(form, heads), *lines]))

    def _row(self, item: Running) -> dict[str, str]:
        now = datetime.now(UTC)
        if item.runs and item.started:
            status = f"Up {_long(now - item.started)}"
        else:
            status = f"Exited ({item.code}) {_long(now - item.ended)} ago" if item.ended else "Created"
        ports = ", ".join(f"0.0.0.0:{outer}->{inner}/tcp" for inner, outer in item.ports.items()) if item.runs else ""
        return {
            "Names": item.name, "Image": item.image, "Status": status, "Ports": ports, "ID": item.identity[:12],
            "Networks": item.network, "State": "running" if item.runs else "exited",
            "Command": json.dumps(" ".join(item.command)), "CreatedAt": item.created.isoformat(),
        }  # fmt: skip

    async def _run(self, given: tuple[str, ...], passed: dict[str, str]) -> Answer:
        options, rest = _before_image(given)
        if not rest:
            raise Failed("docker: 'docker run' requires at least 1 argument", 1)
        if "detach" not in options:
            raise Failed("docker: this stand-in runs containers in the background only; give -d", 125)
        network = (options.get("network") or [BRIDGE])[-1]
        if network not in (HOST_NETWORK, BRIDGE):
            raise Failed(f"docker: Error response from daemon: network {network} not found.", 125)
        ports: dict[int, int] = {}
        for told in options.get("publish", ()):
            *_, outer, inner = ["0", *told.removesuffix("/tcp").split(":")]
            if not (outer.isdigit() and inner.isdigit() and int(outer)):
                raise Failed(f"docker: invalid publish opts format: {told}.", 125)
            ports[int(inner)] = int(outer)
        mounts: dict[str, str] = {}
        for told in options.get("volume", ()):
            outer, inner, *_ = (*told.split(":"), "")
            mounts[inner] = outer
        env: dict[str, str] = {}
        for told in options.get("env", ()):
            name, equals, value = told.partition("=")
            if equals or name in passed:
                env[name] = value if equals else passed[name]
        image, *command = rest
        made = Running(
            name=(options.get("name") or [f"practice_{len(self._host.containers)}"])[-1],
            image=image, network=network, ports={} if network == HOST_NETWORK else ports, env=env, mounts=mounts,
            command=tuple(command), restart=(options.get("restart") or ["no"])[-1],
        )  # fmt: skip
        await self._host.create(made)
        return Answer(f"{made.identity}\n")

    async def _each(self, word: str, given: tuple[str, ...]) -> Answer:
        options, names = chosen(given, "ft:v", {"time": "t"}, {"force": "f", "volumes": "v"})
        if not names:
            raise Failed(f"docker: 'docker {word}' requires at least 1 argument")
        out, wrong = [], []
        for name in names:
            try:
                item = self._host.found(name)
                if word in ("stop", "kill", "restart") or (word == "rm" and "force" in options):
                    await self._host.stop(item)
                if word in ("start", "restart"):
                    await self._host.start(item)
                if word == "rm":
                    await self._host.remove(item)
                out.append(name)
            except Failed as error:
                wrong.append(str(error))
        return Answer("".join(f"{name}\n" for name in out), "".join(f"{line}\n" for line in wrong), 1 if wrong else 0)

    def _inspect(self, given: tuple[str, ...]) -> Answer:
        options, names = chosen(given, "f:s", {"format": "f", "type": ""}, {"size": "s"})
        found = [self._host.found(name) for name in names]
        if not found:
            raise Failed("docker: 'docker inspect' requires at least 1 argument")
        seen = [item.seen(self._host.image(item.image)) for item in found]
        if form := options.get("format"):
            return Answer("".join(f"{_filled(form[-1], item)}\n" for item in seen))
        return Answer(json.dumps(seen, indent=4) + "\n")

    def _logs(self, given: tuple[str, ...]) -> Answer:
        options, names = chosen(given, "n:ft", {"tail": "n", "since": ""}, {"follow": "f", "timestamps": "t"})
        if len(names) != 1:
            raise Failed("docker: 'docker logs' requires 1 argument")
        if "follow" in options:
            raise Failed("docker: this stand-in does not follow logs; leave -f out")
        lines = self._host.found(names[0]).log
        most = (options.get("tail") or ["all"])[-1]
        return Answer("".join(f"{line}\n" for line in (lines[-int(most) :] if most.isdigit() else lines)))

    def _network(self, given: tuple[str, ...]) -> Answer:
        match given[:1]:
            case ("ls",):
                rows = ["NETWORK ID\tNAME\tDRIVER\tSCOPE", "5d0c0e4b3a91\tbridge\tbridge\tlocal",
                        "b7a81f0dd2c6\thost\thost\tlocal", "0f3a9be6c1d4\tnone\tnull\tlocal"]  # fmt: skip
                return Answer(_columns(rows))
            case ("inspect",):
                options, names = chosen(given[1:], "f:", {"format": "f"}, {})
                out = []
                for name in names:
                    if name not in (HOST_NETWORK, BRIDGE):
                        raise Failed(f"Error response from daemon: network {name} not found")
                    on = {item.identity: {"Name": item.name} for item in self._host.containers.values()
                          if item.runs and item.network == name}  # fmt: skip
                    config = [{"Subnet": SUBNET, "Gateway": GATEWAY}] if name == BRIDGE else []
                    out.append({"Name": name, "Driver": name, "IPAM": {"Config": config}, "Containers": on})
                if form := options.get("format"):
                    return Answer("".join(f"{_filled(form[-1], item)}\n" for item in out))
                return Answer(json.dumps(out, indent=4) + "\n")
        raise Failed("docker: this stand-in knows `docker network ls` and `docker network inspect`")


def _before_image(given: tuple[str, ...]) -> tuple[dict[str, list[str]], list[str]]:
    """The options of `docker run`, and the image with what follows: its arguments are its own."""
    import getopt

    valued = {"name": "", "network": "", "net": "", "publish": "p", "volume": "v", "env": "e", "restart": "",
              "user": "u", "memory": "m", "label": "l", "hostname": "h", "pid": ""}  # fmt: skip
    alone = {"detach": "d", "rm": "", "read-only": "", "privileged": "", "init": ""}
    try:
        found, rest = getopt.getopt(list(given), "dp:v:e:u:m:l:h:", [*(f"{name}=" for name in valued), *alone])
    except getopt.GetoptError as error:
        raise Failed(f"docker: {error}; this stand-in knows no such option", 125) from None
    short = {f"-{letter}": name for name, letter in {**valued, **alone}.items() if letter}
    options: dict[str, list[str]] = {}
    for option, value in found:
        name = short.get(option, option.lstrip("-"))
        options.setdefault("network" if name == "net" else name, []).append(value)
    return options, rest


def _filled(template: str, seen: dict[str, Any]) -> str:
    """A Go template of plain fields. Raises Failed for others."""

    def value(found: re.Match[str]) -> str:
        told: Any = seen
        for part in [part for part in found[2].split(".") if part]:
            if not isinstance(told, dict) or part not in told:
                raise Failed(f"template parsing error: template: :1: can't evaluate field {part}")
            told = told[part]
        if found[1]:
            return json.dumps(told)
        return str(told).lower() if isinstance(told, bool) else str(told)

    filled = re.sub(r"\{\{\s*(json\s+)?((?:\.\w+)+|\.)\s*\}\}", value, template)
    if "{{" in filled:
        raise Failed("template parsing error: this stand-in knows {{.Field.Field}} and {{json .Field}} alone")
    return filled


def _columns(lines: Sequence[str]) -> str:
    """Lines whose cells are parted by tabs, in columns."""
    rows = [line.split("\t") for line in lines]
    widths = [max(len(row[at]) for row in rows if at < len(row)) for at in range(max(len(row) for row in rows))]
    return "".join("   ".join(cell.ljust(widths[at]) for at, cell in enumerate(row)).rstrip() + "\n" for row in rows)


def _long(span: Any) -> str:
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} seconds" if seconds != 1 else "1 second"
    return f"{seconds // 60} minutes" if seconds < 3600 else f"{seconds // 3600} hours"
