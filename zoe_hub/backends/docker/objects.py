"""Pure builders and readers: what is sent to the engine for a process, and what the engine's answers mean.

Nothing from a user reaches a host path, a privileged flag or a network: those come from the backend's options alone.
Called by ``backend``.
"""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from signal import SIGKILL
from typing import Any

from zoe_hub.backends.base import Permanent, ProcessSpec
from zoe_hub.core.executions.model import Address, Observed
from zoe_hub.core.executions.spec import Port
from zoe_hub.core.reasons import because
from zoe_hub.core.record import Record
from zoe_hub.images.states import FRAMEWORK_LABEL, PROJECT_LABEL

FOLDER = "/zoe"
IMAGE_USER = "1000:1000"  # whom ``FOLDER`` belongs to in the images; see the recipe of zoe/os
FRAMEWORKS = "/opt/zoe/frameworks"
LABEL = "zoe."
FRAMEWORK_LIMIT = 10 * 2**20
SMALLEST_MEMORY = 6 * 2**20  # the engine refuses less


class ContainerOptions(Record, kw_only=True):
    """What an admin decides about all containers; see the traits of ``DockerBackend``."""

    user: str = IMAGE_USER
    cores_factor: float = 4.0
    cores_floor: float = 1.0
    cores_most: float = 1.0  # the machine's
    pids: int = 4096
    read_only: bool = False
    temporary: int = 256 * 2**20
    init: bool = True
    log_size: int = 10 * 2**20
    log_files: int = 2


class ImageFacts(Record, kw_only=True):
    """What the labels of an image say."""

    frameworks: Mapping[str, str] = {}  # whose files are in it, with their digests
    project: str = ""  # version and digest of the project's package in it
    folder: bool = False  # it has the private folder, owned by the user


# --- what is sent --------------------------------------------------------------------------------------------------


def network_name(deployment: str, execution: str) -> str:
    """The network that the processes of an execution share."""
    return f"zoe-{deployment}-{execution}"


def network_labels(deployment: str, execution: str, owner: str) -> dict[str, str]:
    """Labels of a network."""
    return {f"{LABEL}deployment": deployment, f"{LABEL}execution": execution, f"{LABEL}owner": owner}


def alias(group: str, index: int) -> str:
    """The host name of a process among its peers."""
    return f"{group}-{index}"


def labels(spec: ProcessSpec) -> dict[str, str]:
    """Everything needed to adopt a container. No secrets: labels are shown to whoever may list."""
    values = {
        "deployment": spec.deployment,
        "execution": spec.execution,
        "owner": spec.owner,
        "group": spec.group,
        "index": str(spec.index),
        "incarnation": str(spec.incarnation),
        "name": spec.name,
        "ports": ",".join(f"{port.name}:{port.number}:{port.protocol}" for port in spec.ports),
    }
    return {LABEL + key: value for key, value in values.items()}


def container(spec: ProcessSpec, options: ContainerOptions, now: datetime) -> dict[str, Any]:
    """The body of a create request. ``now`` becomes the start that all observations tell: neither the engine's listing
    nor its events know it, and asking for each container would make the restart of a large hub slow."""
    environment = {"HOME": FOLDER, **spec.environment, "ZOE_FOLDER": FOLDER}
    name = alias(spec.group, spec.index)
    network = network_name(spec.deployment, spec.execution)
    memory = max(spec.resources.memory, SMALLEST_MEMORY)
    cores = min(max(spec.resources.cores * options.cores_factor, options.cores_floor), options.cores_most)
    host: dict[str, Any] = {
        "NetworkMode": network,
        "PortBindings": {f"{port.number}/tcp": [{"HostIp": "127.0.0.1", "HostPort": ""}] for port in spec.ports},
        "Memory": memory,
        "MemorySwap": memory,  # the sum of memory and swap: no swap
        # As Linux has it for a machine of this size (tmpfs(5)); the engine's 64 MiB are too few for programs that share
        # arrays. What is in there counts as the process's memory.
        "ShmSize": memory // 2,
        "CpuShares": max(2, round(spec.resources.cores * 1024)),
        "NanoCpus": round(cores * 1e9),
        "PidsLimit": options.pids,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Privileged": False,
        "Init": options.init,
        "ReadonlyRootfs": options.read_only,
        # Not noexec: packages of Java and Python unpack native libraries there.
        "Tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={options.temporary}"},  # noqa: S108
        "RestartPolicy": {"Name": "no"},
        "LogConfig": {
            "Type": "json-file",
            "Config": {"max-size": str(options.log_size), "max-file": str(options.log_files)},
        },
    }
    return {
        "Image": spec.image,
        "Hostname": name[:63],
        "User": options.user,
        # As the entry point, so that one of the image does not run in front of it.
        "Entrypoint": list(spec.command),
        "Cmd": None,
        "Env": [f"{key}={value}" for key, value in environment.items()],
        "WorkingDir": FOLDER,
        "Labels": {**labels(spec), f"{LABEL}started": now.isoformat()},
        "ExposedPorts": {f"{port.number}/tcp": {} for port in spec.ports},
        "AttachStdin": False,
        "AttachStdout": False,
        "AttachStderr": False,
        "OpenStdin": False,
        "Tty": False,
        # A read-only container gets a writable folder as an anonymous volume, removed with it.
        "Volumes": {FOLDER: {}} if options.read_only else None,
        "HostConfig": host,
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": [name]}}},
    }


def _owner(options: ContainerOptions) -> tuple[int, int]:
    user, _, group = options.user.partition(":")
    return int(user), int(group or user)


def archive_of_files(files: Mapping[str, str], options: ContainerOptions) -> bytes:
    """The private folder with its files (0600, the user's), to be unpacked in ``FOLDER``.

    :raises Permanent: ``bad-parameter`` for a name that leads out of the folder
    """
    uid, gid = _owner(options)
    result = io.BytesIO()
    made: set[str] = set()
    with tarfile.open(fileobj=result, mode="w") as tar:

        def add(name: str, mode: int, content: bytes | None) -> None:
            info = tarfile.TarInfo(name)
            info.uid, info.gid, info.mode = uid, gid, mode
            info.type = tarfile.DIRTYPE if content is None else tarfile.REGTYPE
            info.size = len(content or b"")
            tar.addfile(info, io.BytesIO(content or b""))

        add(".", 0o700, None)
        for name, content in files.items():
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in name:
                raise Permanent("bad-parameter", f"The file name {name!r} does not stay inside the process's folder.")
            for parent in reversed(path.parents[:-1]):
                if str(parent) not in made:
                    made.add(str(parent))
                    add(str(parent), 0o700, None)
            add(str(path), 0o600, content.encode())
    return result.getvalue()


def mentions(spec: ProcessSpec, framework: str) -> bool:
    """Whether a process may use the files of a framework: its own, or one whose folder it was told."""
    place = f"{FRAMEWORKS}/{framework}"
    return framework == spec.framework or any(
        re.search(rf"{re.escape(place)}(?![\w-])", text) for text in (*spec.command, *spec.environment.values())
    )


def archive_of_framework(source: Path, name: str) -> bytes:
    """A framework's files, to be unpacked in ``/``, readable by all.

    :raises Permanent: ``bad-definition`` if they are too large
    """
    result = io.BytesIO()
    total = 0
    with tarfile.open(fileobj=result, mode="w") as tar:
        for file in sorted(source.rglob("*")):
            if not file.is_file() or "__pycache__" in file.parts:
                continue
            total += file.stat().st_size
            if total > FRAMEWORK_LIMIT:
                raise Permanent(
                    "bad-definition",
                    f"The files of framework {name!r} are larger than {FRAMEWORK_LIMIT >> 20} MiB: put them into its"
                    " image.",
                )
            info = tar.gettarinfo(file, f"{FRAMEWORKS.lstrip('/')}/{name}/{file.relative_to(source)}")
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mode = 0o755 if info.mode & 0o100 else 0o644
            with file.open("rb") as stream:
                tar.addfile(info, stream)
    return result.getvalue()


# --- what is answered ----------------------------------------------------------------------------------------------


def image_facts(image: Mapping[str, Any]) -> ImageFacts:
    """What ``labels`` of an inspected image say."""
    found = (image.get("Config") or {}).get("Labels") or {}
    frameworks = {
        key.removeprefix(FRAMEWORK_LABEL): value for key, value in found.items() if key.startswith(FRAMEWORK_LABEL)
    }
    return ImageFacts(
        frameworks=frameworks, project=found.get(PROJECT_LABEL, ""), folder=found.get("zoe.folder") == FOLDER
    )


def exit_code(status: int, signals: Collection[int] = ()) -> int:
    """How a container has ended: -n for a signal n.

    The engine tells of an end by signal n as 128 + n, and of a program that exits with this code as well. It counts as
    the signal only where there was one.

    :param status: the engine's
    :param signals: those that were sent to it, as far as is known
    """
    return 128 - status if status - 128 in signals else status


def moment(text: str | None) -> datetime | None:
    """A time of the engine (RFC 3339 with nanoseconds); None for its zero."""
    if not text or text.startswith("0001-"):
        return None
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", text)
    if not found:
        return None
    fraction = (found[2] or "0")[:6].ljust(6, "0")
    return datetime.fromisoformat(f"{found[1]}.{fraction}{'+00:00' if found[3] == 'Z' else found[3]}").astimezone(UTC)


def observed(found: Mapping[str, str], **state: Any) -> Observed | None:
    """An observation from a container's labels; None if they are not complete."""
    try:
        started = found.get(LABEL + "started")
        return Observed(
            name=found[LABEL + "name"],
            execution=found[LABEL + "execution"],
            group=found[LABEL + "group"],
            index=int(found[LABEL + "index"]),
            incarnation=int(found[LABEL + "incarnation"]),
            started=datetime.fromisoformat(started) if started else None,
            **state,
        )
    except (KeyError, ValueError):
        return None


def from_inspection(inspection: Mapping[str, Any], sent: Collection[int] = ()) -> Observed | None:
    """An observation from an inspected container; None if it has not been started.

    :param sent: signals that this hub has sent to it
    """
    state = inspection["State"]
    found = inspection["Config"]["Labels"] or {}
    if state["Status"] == "created":
        return None
    if state["Status"] in ("exited", "dead", "removing"):
        starved = {int(SIGKILL)} if state.get("OOMKilled") else set()
        code = exit_code(int(state["ExitCode"]), {*sent, *starved})
        # The flag is up as soon as any process in there was killed, also one that the program did without.
        reason = None
        if starved and code == -SIGKILL:
            reason = because("out-of-memory")
        elif state.get("Error"):
            reason = because("told", words=state["Error"])
        return observed(found, state="exited", exit_code=code, ended=moment(state.get("FinishedAt")), reason=reason)
    return observed(found, state="running")


def ports_from_label(text: str) -> tuple[Port, ...]:
    """The ports of a container as its label tells them."""
    parts = (each.split(":") for each in text.split(",") if each)
    return tuple(
        Port(name=name, number=int(number), protocol="http" if protocol == "http" else "tcp")
        for name, number, protocol in parts
    )


def addresses(ports: tuple[Port, ...], host: str, published: Mapping[str, Any]) -> dict[str, Address]:
    """Where ports are. ``published``: the engine's map of ``"80/tcp"`` to host bindings; port 0 while it is not known.

    A plain TCP endpoint is called ``localhost``: Spark Connect takes a token without TLS under that name alone.
    """
    result = {}
    for port in ports:
        bindings = published.get(f"{port.number}/tcp") or ()
        number = next((int(each["HostPort"]) for each in bindings if each.get("HostPort")), 0)
        endpoint = "localhost" if port.protocol == "tcp" else "127.0.0.1"
        result[port.name] = Address(
            number=port.number, host=host, port=port.number, endpoint_host=endpoint, endpoint_port=number
        )
    return result
