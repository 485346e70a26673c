"""The options of the Docker backend, and what they mean for each container. Used by ``backend``."""

from __future__ import annotations

import re

from traitlets import Bool, Float, Int, TraitError, Unicode, validate

from zoe_hub.backends.base import Backend
from zoe_hub.backends.docker import objects


class DockerOptions(Backend):
    """What can be configured, as ``DockerBackend.<name>``."""

    url = Unicode(
        "", help="The engine, such as unix:///var/run/docker.sock. Empty: DOCKER_HOST, else the default socket."
    ).tag(config=True)
    threads = Int(
        16,
        min=1,
        max=1024,
        help="Requests to the engine at the same time. More start many processes sooner and load the engine more.",
    ).tag(config=True)
    timeout = Float(
        60.0,
        min=0.1,
        max=86400.0,
        help="Seconds after which a request counts as failed and is tried again. A slow disk needs more.",
    ).tag(config=True)
    silence = Float(
        60.0,
        min=0.1,
        max=86400.0,
        help=(
            "Seconds without an event after which the event stream is renewed and everything listed. Shorter finds a"
            " dead stream sooner and asks the engine more."
        ),
    ).tag(config=True)
    user = Unicode(
        objects.IMAGE_USER,
        help=(
            "User and group of all processes, as numbers. The images' private folder belongs to 1000:1000; another user"
            " makes each start some 50 ms slower."
        ),
    ).tag(config=True)
    overcommit_cores = Float(
        4.0,
        min=0.1,
        max=1000.0,
        help=(
            "Cores that processes may reserve for each core of the machine, and cores that a process may use for each"
            " that it reserved. More runs more at a time, each slower when all are busy."
        ),
    ).tag(config=True)
    least_cores = Float(
        1.0,
        min=0.01,
        max=1000.0,
        help=(
            "Cores that a process may use at the least, however few it reserved. Less keeps small processes small and"
            " makes their start slow."
        ),
    ).tag(config=True)
    memory_share = Float(
        1.0,
        min=0.01,
        max=1.0,
        help=(
            "Part of the machine's memory that processes may reserve, at most 1. Less leaves more to the rest of the"
            " machine."
        ),
    ).tag(config=True)
    processes_limit = Int(
        4096,
        min=16,
        max=2**22,
        help="Processes and threads in one container. Less stops a fork bomb sooner; a JVM needs some hundred.",
    ).tag(config=True)
    read_only = Bool(
        False,
        help=(
            "Make containers' own files read-only but for /tmp and the private folder. Safer; images that write"
            " elsewhere fail, and images must hold the files of their frameworks as the hub has them."
        ),
    ).tag(config=True)
    temporary_size = Int(
        256 * 2**20,
        min=2**20,
        help="Bytes of /tmp, which is in memory and counts as the process's. More for programs that unpack much.",
    ).tag(config=True)
    log_size = Int(
        10 * 2**20,
        min=4096,
        help="Bytes of one part of a process's log. Two parts are kept by the engine, log_parts by the hub.",
    ).tag(config=True)
    log_parts = Int(
        4,
        min=1,
        max=10**6,
        help="Parts of a process's log that the hub keeps. More keeps more of a long log and takes more disk.",
    ).tag(config=True)
    hub_host = Unicode(
        "", help="Address under which containers reach the hub. Empty: the gateway of the engine's default network."
    ).tag(config=True)
    init = Bool(
        True,
        help=(
            "Run a small init in each container, which hands on signals and reaps children. Off only for engines"
            " without one."
        ),
    ).tag(config=True)

    @validate("user")
    def _check_user(self, proposal: dict[str, str]) -> str:
        if not re.fullmatch(r"[0-9]+(:[0-9]+)?", proposal["value"]):
            raise TraitError("a user, and perhaps a group, as numbers is needed, such as 1000:1000.")
        return proposal["value"]

    def container_options(self, cores: int) -> objects.ContainerOptions:
        """What an admin decides about all containers.

        :param cores: the machine's
        """
        return objects.ContainerOptions(
            user=self.user,
            cores_factor=max(1.0, self.overcommit_cores),
            cores_floor=self.least_cores,
            cores_most=float(cores),
            pids=self.processes_limit,
            read_only=self.read_only,
            temporary=self.temporary_size,
            init=self.init,
            log_size=self.log_size,
        )
