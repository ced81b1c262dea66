"""docker, podman, nerdctl, compose and crictl."""

from __future__ import annotations

from dataclasses import replace

from console.core.runbooks.danger import Level
from console.walkthrough.danger.calls import Call
from console.walkthrough.danger.findings import (
    Bench,
    Finding,
    Rule,
    cannot_tell,
    changes,
    destroys,
    joined,
    pairs,
    reads,
    worst,
)
from console.walkthrough.danger.tools import Tool, Use, VerbRule, flags, judge, of_level, table
from console.walkthrough.danger.words import Options, Word, options, read_flags, shown

_FLAGS = flags(
    "-H/--host -c/--context --config -l/--log-level --tlscacert --tlscert --tlskey -n/--namespace"
    " --address --root --runroot"
    " --connection -f/--file/--filter -p/--project-name --profile --env-file --project-directory"
    " --format --since --until --tail"
    " -t/--time/--timeout -s/--signal --scale --index -r/--runtime-endpoint --image-endpoint"
    " -o/--output --progress --ansi"
    " --network --name --no-stream-interval -u/--user -w/--workdir -e/--env --cpus -m/--memory"
    " --restart --parallel --exit-code-from",
    "-D/--debug --tls --tlsverify -q/--quiet -a/--all --no-trunc -v/--volumes -i/--interactive"
    " -d/--detach --force --follow"
    " --timestamps --details --size --rm --rmi --remove-orphans --no-deps --build --dry-run --verbose"
    " --no-color --no-stream"
    " --force-recreate --no-recreate --pull --wait --services --no-log-prefix -T --stop --link"
    " --no-start --compatibility --privileged",
)
_INSIDE = options(
    "-e/--env -u/--user -w/--workdir --env-file --detach-keys --index --name --network/--net"
    " -v/--volume -p/--publish --entrypoint"
    " --mount -h/--hostname -m/--memory --cpus --restart -l/--label --add-host --dns --log-driver"
    " --log-opt --platform --pull"
    " --shm-size --ulimit --cap-add --cap-drop --device --gpus --ip --pid --ipc --userns"
    " --security-opt --tmpfs --volumes-from"
    " --health-cmd --cidfile --expose --link --network-alias --runtime --stop-signal --stop-timeout"
    " --sysctl --use-aliases -c"
    " --cpu-shares -a/--attach --workspace --authfile --uts --cgroupns --group-add --storage-opt"
    " --memory-swap --arch --domainname",
    "-i/--interactive -t/--tty -d/--detach --privileged -T/--no-TTY --no-tty --rm --init --read-only"
    " -P/--publish-all -q/--quiet"
    " --no-healthcheck --oom-kill-disable --sig-proxy --latest --no-deps --service-ports --build"
    " --remove-orphans --quiet-pull --help -s/--sync",
)
_VERBS = table(
    "ps images logs inspect top stats port diff history version info events search wait attach"
    " container+ls container+list"
    " container+ps container+inspect container+logs container+top container+stats container+port"
    " container+diff image+ls"
    " image+list image+inspect image+history network+ls network+list network+inspect volume+ls"
    " volume+list volume+inspect"
    " system+df system+info system+events context+ls context+show context+inspect compose+ps"
    " compose+logs compose+config"
    " compose+ls compose+top compose+images compose+port compose+events compose+version"
    " compose+convert compose+stats compose+volumes"
    " service+ls service+ps service+inspect service+logs node+ls node+ps node+inspect stack+ls"
    " stack+ps stack+services stack+config"
    " config+ls config+inspect secret+ls secret+inspect manifest+inspect buildx+ls buildx+inspect"
    " buildx+du buildx+version"
    " buildx+imagetools+inspect plugin+ls scout swarm+join-token swarm+unlock-key healthcheck pod+ps"
    " pod+ls pod+inspect pod+logs"
    " pod+stats machine+ls machine+inspect system+connection+list pods inspecti inspectp imagefsinfo"
    " statsp compose+wait"
    " container+attach image+tree builder+du trust+inspect model+list compose+attach",
    "run start restart pull push build create tag commit cp load save import export login logout"
    " rename update pause unpause"
    " container+start container+restart container+create container+cp container+commit"
    " container+update container+rename"
    " container+pause container+unpause container+run container+export image+pull image+push"
    " image+build image+tag image+load image+save"
    " network+create network+connect network+disconnect volume+create context+use context+create"
    " context+update compose+up compose+start"
    " compose+restart compose+pull compose+push compose+build compose+create compose+run compose+cp"
    " compose+pause compose+unpause"
    " compose+scale compose+watch service+create service+update service+rollback service+scale"
    " node+update node+promote node+demote"
    " stack+deploy swarm+init swarm+join swarm+update swarm+unlock swarm+ca config+create secret+create buildx+build"
    " buildx+create buildx+use buildx+bake plugin+install plugin+enable plugin+disable pod+create"
    " pod+start pod+restart machine+start"
    " machine+init generate play kube+play kube+generate runp checkpoint buildx+imagetools+create"
    " manifest+create manifest+push network+reload",
    "rm rmi kill stop container+rm container+remove container+kill container+stop container+prune image+rm image+remove"
    " image+prune network+rm network+remove network+prune volume+rm volume+remove volume+prune"
    " system+prune builder+prune"
    " buildx+prune buildx+rm compose+down compose+rm compose+stop compose+kill service+rm node+rm"
    " stack+rm stack+down swarm+leave"
    " config+rm secret+rm context+rm plugin+rm pod+rm pod+stop pod+kill pod+prune machine+stop machine+rm stopp rmp"
    " kube+down system+reset manifest+rm",
)
_SAFER = {
    "rm": "inspect",
    "kill": "stop",
    "rmi": "image inspect",
    "compose down": "compose stop",
    "volume rm": "volume inspect",
    "container rm": "container inspect",
    "system prune": "system df",
    "network rm": "network inspect",
    "volume prune": "volume ls",
    "image prune": "image ls",
    "compose kill": "compose stop",
    "container kill": "container stop",
}


def _exec(use: Use, bench: Bench) -> Finding:
    """`exec CONTAINER COMMAND`: the command, judged by itself."""
    given, took = read_flags(use.after, _INSIDE, limit=1)
    inner = list(use.after[took:])
    if given.tail is not None:
        given.operands, inner = given.tail[:1], given.tail[1:]
    if inner and inner[0].literal == "--":
        inner = inner[1:]
    kind = "service" if use.verb.startswith("compose") else "container"
    touches = joined(use.touches, pairs(kind, given.operands[:1]))
    target = given.operands[0].literal if given.operands else ""
    if not inner:
        return cannot_tell("what is run inside cannot be told", touches, target=target)
    kept = use.call.words[: len(use.call.words) - len(inner)]
    found = bench.call(use.call.inner(inner)).within(touches, shown(kept))
    return replace(found, target=found.target or (target if found.level.asks else ""))


def _run(use: Use, bench: Bench) -> Finding:
    """`run IMAGE COMMAND`: a container made, and what is run in it where the program is known."""
    given, took = read_flags(use.after, _INSIDE, limit=1)
    inner = list(use.after[took:])
    image = given.operands[:1]
    if any(word.literal.startswith("--") and len(word.text) == 2 for word in inner[:1]):
        inner = inner[1:]
    name = given.value("--name")
    kind = "service" if use.verb.startswith("compose") else "image"
    touches = joined(use.touches, pairs("container", [name]), pairs(kind, image))
    target = (name.literal if name else "") or (image[0].literal if image else "")
    made = changes(f"runs a container of {image[0].text if image else 'an image'}", touches, target=target)
    entry = given.value("--entrypoint")
    if entry is not None and entry.text:
        inner = [entry, *inner]
    if not inner or inner[0].start.startswith("-"):
        return made
    found = bench.call(use.call.inner(inner)).within(touches)
    if found.level is Level.UNKNOWN and inner[0].known and "is not known here" in found.why:
        return made
    if found.level is Level.READS and given.has("--rm") and not given.has("-d"):
        return found
    return worst([found, made])


def _remove(use: Use, bench: Bench) -> Finding:
    names = use.given.everything
    word = use.verb.split()[-1]
    kind = {"rmi": "image", "image": "image", "volume": "volume", "network": "network"}.get(
        use.verb.split()[0], "container"
    )
    touches = joined(use.touches, pairs(kind, names))
    forced = any(word.start.startswith(("-f", "--force")) for word in use.after)
    instead = "stop" if word == "rm" and forced else _SAFER.get(use.verb, "inspect" if names else "ls")
    kept = shown(use.before[: len(use.before) - len(use.verb.split())])
    safer = f"{kept} {instead} {shown(names)}".strip()
    gone = "what it is fed" if names and names[0].text == "…" else f"{kind} {shown(names[:3])}".strip()
    return destroys(f"removes {gone}", touches, safer=safer, target=_first(names))


def _first(names: list[Word]) -> str:
    return names[0].literal if names else ""


def _compose(use: Use, bench: Bench) -> Finding:
    """Verbs of compose; a service scaled to nothing is gone."""
    if use.given.has("--dry-run"):
        return reads("compose only shows what it would do", use.touches)
    scales = [word.text for word in use.given.values("--scale")]
    if use.verb.endswith("scale"):
        scales += [word.text for word in use.given.operands]
    level = _VERBS[use.verb]
    if any(text.rpartition("=")[2].strip("0") == "" and "=" in text for text in scales):
        level = Level.DESTROYS
    if use.verb == "compose up" and use.given.may("--remove-orphans"):
        level = Level.DESTROYS
    found = of_level(_TOOL, use, level)
    named = pairs("service", use.given.everything)
    target = found.target or next((name for kind, name in use.touches if kind == "project"), "")
    safer = (
        use.instead("compose stop") if use.verb == "compose down" and not use.given.may("-v", "--rmi") else found.safer
    )
    return replace(found, touches=joined(use.touches, named), target=target, safer=safer)


def _service_scale(use: Use, bench: Bench) -> Finding:
    names = use.given.operands
    level = (
        Level.DESTROYS
        if any("=" in word.text and word.text.rpartition("=")[2].strip("0") == "" for word in names)
        else Level.CHANGES
    )
    return of_level(_TOOL, use, level)


_CODES: dict[str, VerbRule] = {verb: _compose for verb in _VERBS if verb.startswith("compose ")}
_CODES |= dict.fromkeys(("exec", "container exec", "compose exec"), _exec)
_CODES |= dict.fromkeys(("run", "create", "container run", "container create", "compose run"), _run)
_CODES |= dict.fromkeys(
    ("rm", "rmi", "container rm", "image rm", "volume rm", "network rm", "container remove"), _remove
)


def _attach(use: Use, bench: Bench) -> Finding:
    """attach: the keyboard goes to what runs inside."""
    touches = joined(use.touches, pairs("container", use.given.everything[:1]))
    if any(word.start.startswith("--no-stdin") for word in use.after):
        return reads("shows what a container prints", touches)
    return cannot_tell(
        "attaches a keyboard to a container: what is typed there is not seen",
        touches,
        target=_first(use.given.everything),
    )


_CODES |= dict.fromkeys(("attach", "container attach", "compose attach"), _attach)
_CODES["service scale"] = _service_scale
_PLACES = {"-H": "host", "-c": "context", "-n": "namespace", "-p": "project", "-f": "file"}
# After these verbs `-f` takes no value.
_F_IS_BARE = ("logs", "rm", "rmi", "prune", "remove", "up")
_BARE_F = replace(_FLAGS, names={**_FLAGS.names, "-f": "--force"})
_TOOL = Tool(
    "docker",
    _FLAGS,
    _VERBS,
    _PLACES,
    "container",
    _CODES,
    _SAFER,
    inside=frozenset(verb for verb, code in _CODES.items() if code in (_exec, _run)),
    variants={verb: _BARE_F for verb in _VERBS if verb.split()[-1] in _F_IS_BARE},
)


_NOT_CONTAINERS = {
    "build": "path",
    "pull": "image",
    "push": "image",
    "images": "image",
    "tag": "image",
    "load": "",
    "login": "host",
}


def docker(call: Call, bench: Bench) -> Finding:
    found = judge(_TOOL, call, bench)
    verb = next((word.text for word in call.arguments if word.literal in _NOT_CONTAINERS), "")
    if not verb:
        return found
    kind = _NOT_CONTAINERS[verb]
    touches = tuple((kind, name) if was == "container" else (was, name) for was, name in found.touches)
    return replace(found, touches=touches)


def compose(call: Call, bench: Bench) -> Finding:
    """docker-compose: the same verbs with a dash."""
    found = judge(_TOOL, replace(call, words=(Word("docker"), Word("compose"), *call.arguments)), bench)
    return replace(found, safer=found.safer.replace("docker compose", call.words[0].text, 1))


_CTR = Tool(
    "ctr",
    flags("-n/--namespace -a/--address --timeout --connect-timeout --platform", "--debug -q"),
    table(
        "images+ls images+list i+ls image+ls containers+ls containers+list containers+info c+ls tasks+ls"
        " tasks+list t+ls tasks+ps"
        " namespaces+ls namespaces+list ns+ls snapshots+ls version info content+ls plugins+ls events",
        (
            "images+pull images+import images+export images+tag image+import image+pull image+export i+import"
            " i+pull run tasks+start namespaces+create"
        ),
        "images+rm images+remove image+rm i+rm containers+rm containers+delete c+rm tasks+kill tasks+rm"
        " tasks+delete t+kill"
        " namespaces+rm namespaces+remove snapshots+rm content+rm",
    ),
    {"-n": "namespace"},
    "container",
)
_SKOPEO: Options = flags("--src-creds --dest-creds --creds --authfile --format", "--all --tls-verify --raw --config")

RULES: dict[str, Rule] = {
    **dict.fromkeys(("docker", "podman", "nerdctl", "crictl", "finch"), docker),
    **dict.fromkeys(("docker-compose", "podman-compose"), compose),
    "ctr": _CTR,
    "skopeo": Tool(
        "skopeo", _SKOPEO, table("inspect list-tags manifest-digest", "copy sync login logout", "delete"), {}, "image"
    ),
    "crane": Tool(
        "crane",
        _SKOPEO,
        table("digest manifest ls config catalog validate", "copy cp push pull tag mutate auth", "delete"),
        {},
        "image",
    ),
}
