"""The catalog: all frameworks and ZApps that the hub knows, the broken ones listed with what is wrong with them.

Made by ``app`` with the folders to look in, used by ``controllers`` (rendering) and ``web`` (the shop). ``check`` does
the same for ``zoe-hub validate PATH``. Nothing about a framework is known to any other part of the hub.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from msgspec.structs import replace

from zoe_hub.catalog import framework, parameters, zapp
from zoe_hub.catalog.folders import FILE_NAMES, MOST_ERRORS, default_folders, definitions, read_all, stamp
from zoe_hub.catalog.framework import Framework
from zoe_hub.catalog.source import Document
from zoe_hub.catalog.zapp import ZApp
from zoe_hub.contract.catalog import FrameworkView, ZAppView
from zoe_hub.core.errors import FieldError, ZoeError
from zoe_hub.core.executions.rendered import RenderedZApp
from zoe_hub.language.words import suggestion

log = logging.getLogger(__name__)

Definition = TypeVar("Definition", Framework, ZApp)


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
        self._stamp: object = None  # what the files were like before they were read

    def load(self) -> None:
        """Read all definitions, again if they were read before. Never raises on what is wrong in them: see
        ``problems``.
        """
        errors: list[FieldError] = []
        self._stamp = stamp(self.folders)
        found = read_all(self.folders, errors)
        frameworks: dict[str, Framework] = {}
        for name, document in found.documents["framework"].items():
            one = _working(lambda each: framework.read(each, Path(each.file).parent), document, errors)
            if one is not None:
                frameworks[name] = one
        broken = found.broken | (found.documents["framework"].keys() - frameworks.keys())
        zapps: dict[str, ZApp] = {}
        for name, document in found.documents["zapp"].items():
            other = _working(lambda each: zapp.read(each, frameworks, broken), document, errors)
            if other is not None:
                zapps[name] = other
        self._frameworks, self._zapps = frameworks, zapps
        views = {name: _zapp_view(each) for name, each in sorted(zapps.items())}
        self._offers = _offers(views, frameworks)
        self.zapps = {
            name: replace(view, attach_as=tuple(alias for alias, offered in self._offers.items() if offered == name))
            for name, view in views.items()
        }
        self.frameworks = {
            name: _framework_view(each, [view.name for view in views.values() if name in view.frameworks])
            for name, each in sorted(frameworks.items())
        }
        self.problems = tuple(errors)

    async def refresh(self) -> bool:
        """Read all definitions again if their files have changed, in a thread; whether they had. Until they are read
        the old ones work, then the new ones, all at once.
        """
        if await asyncio.to_thread(stamp, self.folders) == self._stamp:
            return False
        fresh = Catalog(self.folders)
        await asyncio.to_thread(fresh.load)
        vars(self).update(vars(fresh))
        return True

    def zapp(self, name: str) -> ZAppView:
        """A ZApp by its name. :raises ZoeError: ``unknown-zapp``; ``framework-alone``, naming the ZApps that use it"""
        if name in self.zapps:
            return self.zapps[name]
        raise _alone(self.frameworks[name]) if name in self.frameworks else self._unknown(name, self.zapps)

    def render(self, name: str, given: Mapping[str, Any]) -> RenderedZApp:
        """A ZApp with its parameters filled in.

        :raises ZoeError: ``unknown-zapp``, ``framework-alone``; ``bad-parameter`` with every wrong place, paths as JSON
            pointers
        """
        self.zapp(name)
        return zapp.render(self._zapps[name], given)

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

    def folder(self, name: str) -> Path:
        """Where the files of a framework are on this machine. :raises ZoeError: ``unknown-framework``"""
        if name not in self._frameworks:
            raise ZoeError("unknown-framework", f"There is no framework '{name}'{suggestion(name, self._frameworks)}")
        return self._frameworks[name].folder

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
    for wanted in sorted(set(frameworks) - set(views)):
        alone = [name for name, view in views.items() if view.frameworks == (wanted,) and view.attach]
        if alone:  # the one named most like the framework: spark-cluster for spark before my-special-spark
            offers[wanted] = min(alone, key=lambda name: (not name.startswith(wanted), len(name), name))
    return offers


def check(path: Path, folders: Sequence[Path] | None = None) -> tuple[FieldError, ...]:
    """Everything that is wrong with one definition, a folder of one, or a folder of folders.

    :param folders: where the frameworks are that a ZApp among them may name, besides ``path``; those that come with Zoe
        by default
    """
    path = Path(path)
    if not path.exists():
        return (FieldError(message="does not exist", file=str(path)),)
    if path.is_file() and path.name not in FILE_NAMES:
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
    if not found and not any(True for _ in definitions(place, [])):
        return (FieldError(message="holds no framework.yaml or zapp.yaml, nor do its folders", file=str(path)),)
    return found


def _working(
    make: Callable[[Document], tuple[Definition, list[FieldError]]], document: Document, errors: list[FieldError]
) -> Definition | None:
    """The definition if nothing is wrong with it. A mistake of this program in reading one must not cost the others."""
    try:
        made, wrong = make(document)
    except Exception as error:
        log.exception("Cannot read %s", document.file)
        errors.append(
            document.error("", f"cannot be read ({type(error).__name__}: {error}); please report this with the file")
        )
        return None
    errors += wrong[:MOST_ERRORS]
    return None if wrong else made


def _alone(view: FrameworkView) -> ZoeError:
    """Why a framework is not started."""
    used = f"These ZApps use it: {', '.join(view.zapps)}." if view.zapps else "No ZApp of the shop uses it yet."
    return ZoeError(
        "framework-alone",
        f"'{view.name}' is a framework, a building block: it runs as a part of a ZApp, which configures it. {used}",
    )


def _framework_view(definition: Framework, zapps: Iterable[str]) -> FrameworkView:
    return FrameworkView(
        name=definition.name,
        version=definition.version,
        kind=definition.kind,
        title=definition.title,
        description=definition.description,
        parameters=parameters.published(definition.parameters, definition.title, definition.description),
        groups=tuple(definition.processes),
        outputs=tuple(definition.outputs),
        zapps=tuple(zapps),
    )


def _zapp_view(definition: ZApp) -> ZAppView:
    spec = definition.sample.spec if definition.sample else None
    return ZAppView(
        name=definition.name,
        version=definition.version,
        kind=definition.kind,
        title=definition.title,
        description=definition.description,
        icon=definition.icon,
        parameters=parameters.published(definition.parameters, definition.title, definition.description),
        frameworks=tuple(dict.fromkeys(part.framework.name for part in definition.parts)),
        attach=tuple(spec.attach) if spec else (),
        scalable=tuple(group.name for group in spec.scalable()) if spec else (),
        ends=spec.ends if spec else False,
        protected=definition.protected,
    )
