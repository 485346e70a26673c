"""The Python packages of the images, as wheels that this machine's pip collects, and the project's own wheel.

In the versions of the hub's own environment: kernels outside and processes inside the images then have the same.
Called by ``images``.
"""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path

from zoe_hub import __version__
from zoe_hub.images import recipes
from zoe_hub.images.recipes import PYTHON, BuildError, cache

PROJECT = "jupyter-zoe"
CHECKOUT = Path(__file__).parents[2]  # unless the project is installed from a wheel
SOURCES = (
    "zoe_hub",
    "zoe_proxy",
    "zoe_loopback",
    "jupyter_zoe",
    "frameworks",
    "jupyter-config",
    "README.md",
    "pyproject.toml",
    "labextension/src",
    "labextension/style",
    "labextension/schema",
    "labextension/package.json",
    "labextension/install.json",
    "labextension/yarn.lock",
    "labextension/tsconfig.json",
)


def requirements() -> list[str]:
    """What the images' Python environment holds: the project's dependencies with the extra ``spark``, and the recipe's
    own.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415

    definition = CHECKOUT / "pyproject.toml"
    if definition.exists():
        project = tomllib.loads(definition.read_text())["project"]
        texts = [*project["dependencies"], *project["optional-dependencies"]["spark"]]
    else:
        found = [Requirement(text) for text in metadata.requires(PROJECT) or ()]
        wanted = [each for each in found if each.marker is None or each.marker.evaluate({"extra": "spark"})]
        texts = [str(each).partition(";")[0].strip() for each in wanted]
    own = (recipes.OWN / "base" / "requirements.txt").read_text().splitlines()
    return sorted({*texts, *(line for line in own if line and not line.startswith("#"))})


def constraints() -> list[str]:
    """The versions of this environment: kernels outside and processes inside the images then have the same."""
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    pairs = {canonicalize_name(each.metadata["Name"] or ""): each.version for each in metadata.distributions()}
    return sorted(
        f"{name}=={version}" for name, version in pairs.items() if name and name != PROJECT and "+" not in version
    )


def wheelhouse(say: Callable[[str], None]) -> Path:
    """A folder with a wheel of each package; made once for a set of versions."""
    wanted, pins = requirements(), constraints()
    folder = (
        cache() / f"wheels-{PYTHON}-{recipes.digest(['1', platform.machine(), *wanted, '|', *_relevant(wanted, pins)])}"
    )
    if folder.is_dir():
        return folder
    say(f"collecting wheels of {len(wanted)} requirements and what they need")
    with tempfile.TemporaryDirectory(dir=cache(), prefix="making-") as name:
        making = Path(name) / "wheels"
        making.mkdir()
        (making / "requirements.txt").write_text("\n".join(wanted) + "\n")
        (Path(name) / "constraints.txt").write_text("\n".join(pins) + "\n")
        command = [
            sys.executable,
            "-P",
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--disable-pip-version-check",
            "--wheel-dir",
            str(making),
        ]
        command += ["-r", str(making / "requirements.txt"), "-c", str(Path(name) / "constraints.txt")]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode:
            raise BuildError(f"pip could not collect the images' packages:\n{done.stderr[-3000:]}")
        with contextlib.suppress(OSError):  # another process was quicker
            making.rename(folder)
    for old in sorted(cache().glob("wheels-*"), key=lambda each: each.stat().st_mtime)[:-2]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _relevant(wanted: Sequence[str], pins: Sequence[str]) -> list[str]:
    """The pins of what ``wanted`` needs, so that a new development tool does not make all images anew."""
    from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415
    from packaging.utils import canonicalize_name  # noqa: PLC0415

    versions = dict(pin.split("==", 1) for pin in pins)
    queue = [Requirement(text) for text in wanted]
    seen: dict[tuple[str, str], None] = {}
    result = set()
    while queue:
        each = queue.pop()
        name = canonicalize_name(each.name)
        for extra in ("", *sorted(each.extras)):
            if (name, extra) in seen:
                continue
            seen[name, extra] = None
            result.add(f"{name}=={versions.get(name, '')}")
            try:
                below = metadata.requires(name) or ()
            except metadata.PackageNotFoundError:
                continue
            for text in below:
                with contextlib.suppress(InvalidRequirement):
                    requirement = Requirement(text)
                    if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
                        queue.append(requirement)
    return sorted(result)


def sources_digest(checkout: Path) -> str:
    """A hash of all that goes into the project's wheel."""
    parts: list[str | bytes | Path] = []
    for name in SOURCES:
        place = checkout / name
        for file in recipes.files(place, definitions=True) if place.is_dir() else [place] if place.is_file() else []:
            parts += [str(file.relative_to(checkout)), file]
    return recipes.digest(parts)


def project_wheel(say: Callable[[str], None]) -> Path:
    """The project's own wheel: built from the checkout, once for each state of its sources, or fetched."""
    if not (CHECKOUT / "pyproject.toml").exists():
        folder = cache() / f"dist-{__version__}"
        command = [
            sys.executable,
            "-P",
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary=:all:",
            "-d",
            str(folder),
            f"{PROJECT}=={__version__}",
        ]
    else:
        folder = cache() / f"dist-{sources_digest(CHECKOUT)}"
        command = [
            sys.executable,
            "-P",
            "-m",
            "build",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(folder),
            str(CHECKOUT),
        ]
    found = sorted(folder.glob("*.whl"))
    if not found:
        say(f"making the wheel of {PROJECT} {__version__}")
        # A labextension that is not built yet needs jlpm, which is where this Python is.
        environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        found = sorted(folder.glob("*.whl"))
        if done.returncode or not found:
            raise BuildError(
                f"The wheel of {PROJECT} could not be made; give one with --wheel"
                f" PATH:\n{(done.stdout + done.stderr)[-3000:]}"
            )
        for old in sorted(cache().glob("dist-*"), key=lambda each: each.stat().st_mtime)[:-2]:
            shutil.rmtree(old, ignore_errors=True)
    return found[0]
