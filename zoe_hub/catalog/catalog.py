"""The catalog: all frameworks and ZApps that the hub knows, the broken ones listed with what is wrong with them.

Made by ``app`` with the folders to look in, used by ``controllers`` (rendering) and ``web`` (the shop). ``check`` does
the same for ``zoe-hub validate PATH``. A folder holds one folder for each definition; a definition is a file named
``framework.yaml`` or ``zapp.yaml``. Nothing about a framework is known to any other part of the hub.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec.structs import replace

from zoe_hub.catalog import parameters
from zoe_hub.catalog.framework import Framework
from zoe_hub.catalog.schema import check as check_schema
from zoe_hub.catalog.source import Document, Unreadable, read
from zoe_hub.catalog.zapp import Rendered, ZApp
from zoe_hub.contract.types import FrameworkView, ZAppView
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.language.words import suggestion

log = logging.getLogger(__name__)

KINDS: tuple[Literal["framework", "zapp"], ...] = ("framework", "zapp")
MOST_ERRORS = 200  # of one file


@functools.cache
def published_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of ``framework.yaml`` or ``zapp.yaml``, as it is published."""
    text = (Path(__file__).parent / "schemas" / f"{kind}.schema.json").read_text(encoding="utf-8")
    return json.loads(text)  # type: ignore[no-any-return]


def default_folders() -> tuple[Path, ...]:
    """Where the definitions are that come with Zoe: in the wheel, or in the repository when run from a checkout."""
    package = Path(__file__).resolve().parent.parent
    return tuple(folder for folder in (package / "frameworks", package.parent / "frameworks") if folder.is_dir())[:1]


class Catalog:
    """All frameworks and ZApps under some folders.

    :param folders: each holds one folder for each definition, or is one; of two definitions with the same name the
        first works
    """

    def __init__(self, folders: Sequence[Path] | None = None) -> None:
        self.folders = tuple(default_folders() if folders is None else folders)
        self.frameworks: Mapping[str, FrameworkView] = {}
        self.zapps: Mapping[str, ZAppView] = {}
        self.problems: tuple[FieldError, ...] = ()
        self._frameworks: Mapping[str, Framework] = {}
        self._zapps: Mapping[str, ZApp] = {}
        self._offers: Mapping[str, str] = {}

    def load(self) -> None:
        """Read all definitions, again if they were read before. Never raises on what is wrong in them: see
        ``problems``.
        """
        errors: list[FieldError] = []
        files: dict[Path, tuple[Literal["framework", "zapp"], Path]] = {}  # each once, even if folders overlap
        for folder in self.folders:
            for kind, file in _definitions(folder, errors):
                files.setdefault(file.resolve(), (kind, file))
        documents: dict[str, dict[str, tuple[Document, Path]]] = {kind: {} for kind in KINDS}
        broken: set[str] = set()
        for kind, file in files.values():
            document = _read(kind, file, errors)
            if document is None:
                broken.add(file.parent.name)
            elif document.data[kind] in documents[kind]:
                first = documents[kind][document.data[kind]][1]
                errors.append(
                    document.error(
                        f"/{kind}",
                        f"there is another {kind} '{document.data[kind]}' in {first}, which is used; rename or"
                        " remove one",
                    )
                )
            else:
                documents[kind][document.data[kind]] = (document, file)
        frameworks = {
            name: found
            for name, (document, file) in documents["framework"].items()
            if (found := _guarded(Framework, document, file.parent, errors=errors))
        }
        broken |= documents["framework"].keys() - frameworks.keys()
        zapps = {
            name: found
            for name, (document, _) in documents["zapp"].items()
            if (found := _guarded(ZApp, document, frameworks, frozenset(broken), errors=errors))
        }
        self._frameworks, self._zapps = frameworks, zapps
        self.frameworks = {name: _framework_view(framework) for name, framework in sorted(frameworks.items())}
        views = {name: _zapp_view(zapp) for name, zapp in sorted(zapps.items())}
        self._offers = _offers(views, frameworks)
        self.zapps = {
            name: replace(view, attach_as=tuple(alias for alias, zapp in self._offers.items() if zapp == name))
            for name, view in views.items()
        }
        self.problems = tuple(errors)

    def render(self, zapp: str, parameters: Mapping[str, Any]) -> Rendered:
        """A ZApp with its parameters filled in.

        :raises ZoeError: ``unknown-zapp``; ``bad-parameter`` with every wrong place, paths as JSON pointers
        """
        return self._zapp(zapp).render(parameters)

    def attachable(self, name: str) -> str:
        """The ZApp to start for a kernel that wants to attach to a ZApp or framework of this name.

        :raises ZoeError: ``unknown-zapp``, ``not-attachable``
        """
        if name in self._offers:
            return self._offers[name]
        if name in self.zapps:
            raise ZoeError("not-attachable", f"A kernel cannot connect to '{name}'. {self._attachables()}")
        if name in self._frameworks:
            raise ZoeError(
                "not-attachable", f"No ZApp offers the framework '{name}' alone to kernels. {self._attachables()}"
            )
        raise self._unknown(name, (*self.zapps, *self.frameworks))

    def folder(self, framework: str) -> Path:
        """Where the files of a framework are on this machine. :raises ZoeError: ``unknown-framework``"""
        if framework not in self._frameworks:
            raise ZoeError(
                "unknown-framework", f"There is no framework '{framework}'{suggestion(framework, self._frameworks)}"
            )
        return self._frameworks[framework].folder

    def _zapp(self, name: str) -> ZApp:
        if name not in self._zapps:
            raise self._unknown(name, self.zapps)
        return self._zapps[name]

    def _unknown(self, name: str, known: Sequence[str] | Mapping[str, Any]) -> ZoeError:
        broken = [problem for problem in self.problems if Path(problem.file).parent.name == name]
        if broken:
            return ZoeError("unknown-zapp", f"The definition of '{name}' has problems: {broken[0]}", tuple(broken))
        return ZoeError("unknown-zapp", f"There is no ZApp '{name[:100]}'{suggestion(name[:100], known)}")

    def _attachables(self) -> str:
        names = ", ".join(view.name for view in self.zapps.values() if view.attach)
        return f"Attach to {names}." if names else "No ZApp of this shop can be attached to."


def _offers(views: Mapping[str, ZAppView], frameworks: Iterable[str]) -> dict[str, str]:
    """What a kernel may ask to attach to -> the ZApp that it gets: each by its name, and one for each framework that is
    offered alone.
    """
    offers = {name: name for name, view in views.items() if view.attach}
    for framework in sorted(set(frameworks) - set(views)):
        alone = [name for name, view in views.items() if view.frameworks == (framework,) and view.attach]
        if alone:  # the one named most like the framework: spark-cluster for spark before my-special-spark
            offers[framework] = min(alone, key=lambda name: (not name.startswith(framework), len(name), name))
    return offers


def check(path: Path, folders: Sequence[Path] | None = None) -> tuple[FieldError, ...]:
    """Everything that is wrong with one definition, a folder of one, or a folder of folders.

    :param folders: where the frameworks are that a ZApp among them may name, besides ``path``; those that come with Zoe
        by default
    """
    path = Path(path)
    if not path.exists():
        return (FieldError(message="does not exist", file=str(path)),)
    if path.is_file() and path.name not in _FILE_NAMES:
        return (FieldError(message="is no definition; name it framework.yaml or zapp.yaml", file=str(path)),)
    place = path.parent if path.is_file() else path
    catalog = Catalog((place, *(default_folders() if folders is None else folders)))
    catalog.load()
    inside = place.resolve()
    found = tuple(
        problem
        for problem in catalog.problems
        if Path(problem.file).resolve() == path.resolve()
        or (path.is_dir() and Path(problem.file).resolve().is_relative_to(inside))
    )
    if not found and not any(True for _ in _definitions(place, [])):
        return (FieldError(message="holds no framework.yaml or zapp.yaml, nor do its folders", file=str(path)),)
    return found


_FILE_NAMES = {f"{kind}.yaml": kind for kind in KINDS}


def _definitions(folder: Path, errors: list[FieldError]) -> Iterator[tuple[Literal["framework", "zapp"], Path]]:
    """The definitions in a folder: its own files, then those of the folders in it, by name."""
    try:
        below = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith((".", "_")))
    except OSError as error:
        errors.append(
            FieldError(
                message=f"cannot be listed: {error.strerror or error}; correct the option for catalog folders",
                file=str(folder),
            )
        )
        return
    for place in (folder, *below):
        for name, kind in _FILE_NAMES.items():
            if (place / name).is_file():
                yield kind, place / name


def _read(kind: str, file: Path, errors: list[FieldError]) -> Document | None:
    """A document that fits the published schema, or None."""
    try:
        document = read(file)
    except Unreadable as unreadable:
        errors += unreadable.errors[:MOST_ERRORS]
        return None
    schema = published_schema(kind)
    faults = list(check_schema(schema, document.data))
    errors += [document.error(fault.path, fault.message, key=fault.key) for fault in faults[:MOST_ERRORS]]
    return None if faults else document


def _guarded(make: Any, document: Document, *arguments: Any, errors: list[FieldError]) -> Any:
    """The definition if it has no errors. A mistake of this program in reading one must not cost the others."""
    try:
        made = make(document, *arguments)
    except Exception as error:
        log.exception("Cannot read %s", document.file)
        errors.append(
            document.error("", f"cannot be read ({type(error).__name__}: {error}); please report this with the file")
        )
        return None
    errors += made.errors[:MOST_ERRORS]
    return None if made.errors else made


def _framework_view(framework: Framework) -> FrameworkView:
    return FrameworkView(
        name=framework.name,
        version=framework.version,
        kind=framework.kind,
        title=framework.title,
        description=framework.description,
        parameters=parameters.published(framework.parameters, framework.title, framework.description),
        groups=tuple(framework.processes),
        outputs=tuple(framework.outputs),
    )


def _zapp_view(zapp: ZApp) -> ZAppView:
    spec = zapp.sample.spec if zapp.sample else None
    return ZAppView(
        name=zapp.name,
        version=zapp.version,
        kind=zapp.kind,
        title=zapp.title,
        description=zapp.description,
        icon=zapp.icon,
        parameters=parameters.published(zapp.parameters, zapp.title, zapp.description),
        frameworks=tuple(dict.fromkeys(part.framework.name for part in zapp.parts)),
        attach=tuple(spec.attach) if spec else (),
        scalable=tuple(group.name for group in spec.scalable()) if spec else (),
        ends=spec.ends if spec else False,
        protected=zapp.protected,
    )
