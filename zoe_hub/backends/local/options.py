"""The options of the local backend. Used by ``backend``."""

from __future__ import annotations

import re

from traitlets import Dict, Float, Int, List, TraitError, Tuple, Unicode, validate

from zoe_hub.backends.base import Backend


class PortRange(Tuple):
    """Two numbers. On a command line as ``(20000,29999)``, ``20000,29999`` or ``20000-29999``, with or without blanks.

    Traitlets validates what it has read there without an object, which its tuples of numbers do not stand.
    """

    def from_string(self, s: str) -> tuple[int, ...] | None:
        """What stands on a command line."""
        found = re.fullmatch(r"([(\[]?)\s*(\d+)\s*[,-]\s*(\d+)\s*([)\]]?)", s.strip())
        if found is None or f"{found[1]}{found[4]}" not in ("", "()", "[]"):
            raise TraitError(f"{s!r} is no range")
        return int(found[2]), int(found[3])


class LocalOptions(Backend):
    """What can be configured, as ``LocalBackend.<name>``."""

    prefixes = Dict(
        value_trait=Unicode(),
        key_trait=Unicode(),
        help="""Which environment stands for which image: glob of image names -> folder with a bin/ in it (a virtual or
        conda environment). The first pattern that matches counts; without any, the hub's own environment is used.
        Changing one is what an upgrade of an image is elsewhere.""",
    ).tag(config=True)
    pass_environment = List(
        Unicode(),
        [
            "PATH",
            "HOME",
            "USER",
            "LOGNAME",
            "SHELL",
            "LANG",
            "LANGUAGE",
            "LC_*",
            "TZ",
            "TMPDIR",
            "JAVA_HOME",
            "LD_LIBRARY_PATH",
            "SSL_CERT_FILE",
            "SSL_CERT_DIR",
            "REQUESTS_CA_BUNDLE",
            "CURL_CA_BUNDLE",
            "NODE_EXTRA_CA_CERTS",
            "PIP_CERT",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "NO_PROXY",
            "http_proxy",
            "https_proxy",
            "no_proxy",
            "KRB5CCNAME",
        ],
        help="""Variables (globs) that processes get from the hub's own environment. More makes programs find more; but
        what is passed on, such as credentials in variables, every application can read.""",
    ).tag(config=True)
    port_range = PortRange(
        Int(),
        Int(),
        default_value=(20000, 29999),
        help="""First and last TCP port that processes may get. Should lie outside the range that the kernel uses for
        outgoing connections (Linux: 32768-60999), or other programs take ports now and then. Hubs and users of a
        machine may share it.""",
    ).tag(config=True)
    ports_folder = Unicode(
        "",
        help="""Folder in which ports are reserved, by locks on files that only the hub's user sees. Hubs of one user
        that share it never give out the same port. Empty: zoe/ports in $XDG_STATE_HOME (~/.local/state), or the hub's
        own data folder where that cannot be used. One on a network file system makes starts slower.""",
    ).tag(config=True)
    log_size = Int(
        10 * 2**20,
        min=4096,
        help="""Bytes after which a log goes on in a new file. A process's logs take at most log_size * log_files on
        disk.""",
    ).tag(config=True)
    log_files = Int(
        5, min=1, max=10**6, help="""How many files of a log are kept. More keeps more history and takes more disk."""
    ).tag(config=True)
    cores = Float(
        0.0,
        min=0.0,
        max=10.0**6,
        help="""Cores that processes may reserve altogether; 0: those of the machine, times overcommit_cores.""",
    ).tag(config=True)
    overcommit_cores = Float(
        4.0,
        min=0.1,
        max=1000.0,
        help="""How many cores may be reserved for each core of the machine. Local processes share cores: a higher
        number lets more of them run at once, and each more slowly when all are busy.""",
    ).tag(config=True)
    memory = Int(
        0,
        min=0,
        help="""Bytes of memory that processes may reserve altogether; 0: those of the machine (or of the hub's control
        group) without reserved_memory.""",
    ).tag(config=True)
    reserved_memory = Int(
        -1,
        min=-1,
        help="""Bytes of the machine's memory kept for everything else; -1: an eighth, at most 4 GiB. Less lets bigger
        applications in, and the system may run out of memory.""",
    ).tag(config=True)
    resync_interval = Float(
        300.0,
        min=1.0,
        max=10.0**8,
        help="""Seconds after which a watcher is asked to list all processes again, whatever happened. Shorter repairs
        what was missed sooner and costs a look at every process's folder.""",
    ).tag(config=True)
    poll_interval = Float(
        0.5,
        min=0.01,
        max=3600.0,
        help="""Seconds between two looks at processes whose end the kernel does not report (no pidfd: systems other
        than Linux 5.3 or newer). Shorter notices ends sooner and costs CPU.""",
    ).tag(config=True)
    threads = Int(
        8,
        min=1,
        max=1024,
        help="""Threads for what blocks: starting, listing, reading. More lets more processes start at the same
        time.""",
    ).tag(config=True)

    @validate("port_range")
    def _check_port_range(self, proposal: dict[str, tuple[int, int]]) -> tuple[int, int]:
        first, last = proposal["value"]
        if not 1024 <= first <= last <= 65535:
            raise TraitError(
                f"port_range needs two numbers between 1024 and 65535, the smaller one first, not {first}, {last}."
            )
        return first, last
