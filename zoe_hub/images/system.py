"""An operating system for the images where no registry is to be had: Debian with Python and Java, by ``debootstrap``.

Called by ``images``.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from zoe_hub.images import recipes
from zoe_hub.images.recipes import PYTHON, BuildError, cache

SUITE = "bookworm"
SUITE_PYTHON = "3.11"
PACKAGES = ("ca-certificates", "openjdk-17-jre-headless", "procps", "python3", "python3-venv")
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def system_key() -> str:
    """Names the locally made operating system; another list of packages makes another one."""
    return f"{SUITE}-{recipes.digest(['1', platform.machine(), *PACKAGES])[:8]}"


def system_archive() -> Path:
    """Where its archive is kept."""
    return cache() / f"system-{system_key()}.tar"


def make_system(archive: Path, say: Callable[[str], None]) -> None:
    """Make a Debian with Python and Java by ``debootstrap``, unless its archive is there already."""
    if archive.exists():
        return
    if PYTHON != SUITE_PYTHON:
        raise BuildError(
            f"No base image could be pulled, and Debian {SUITE} has Python {SUITE_PYTHON} while kernels here have"
            f" {PYTHON}. Give --base IMAGE with Python {PYTHON}."
        )
    program = shutil.which("debootstrap", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None or os.geteuid() != 0:
        raise BuildError(
            "No base image could be pulled, and making one needs root and the package debootstrap. Give --base IMAGE"
            " (Debian or Ubuntu)."
        )
    say(f"making Debian {SUITE} with Python and Java, once (about 90 s)")
    with tempfile.TemporaryDirectory(dir=cache(), prefix="making-") as name:
        root = Path(name) / "root"
        command = [program, "--variant=minbase", f"--include={','.join(PACKAGES)}", SUITE, str(root), *_mirror()]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"debootstrap failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        for folder in (
            "var/cache/apt/archives",
            "var/lib/apt/lists",
            "usr/share/doc",
            "usr/share/man",
            "usr/share/locale",
        ):
            for each in (root / folder).glob("*"):
                shutil.rmtree(each, ignore_errors=True) if each.is_dir() else each.unlink()
        if CERTIFICATES.exists():
            # A machine behind a proxy has certificates of its own; what runs in the image needs them as well.
            shutil.copyfile(CERTIFICATES, root / CERTIFICATES.relative_to("/"))
        making = Path(name) / "system.tar"
        subprocess.run(
            ["tar", "--numeric-owner", "-C", str(root), "--exclude=./dev/*", "-cf", str(making), "."],
            check=True,
            capture_output=True,
        )
        making.rename(archive)


def _mirror() -> Iterator[str]:
    """The mirror this machine's apt uses, so that a machine without the public one can do it too."""
    lists = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))]
    text = "\n".join(file.read_text(errors="replace") for file in lists if file.is_file())
    found = re.search(r"^URIs:\s*(https?://\S+/debian/?)\s*$", text, re.MULTILINE) or re.search(
        rf"^deb\s+(?:\[[^]]*\]\s+)?(https?://\S+/debian/?)\s+{SUITE}\s", text, re.MULTILINE
    )
    if found:
        yield found[1]
